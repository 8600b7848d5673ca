package avro

// Canonical is the Parsing Canonical Form of a schema: what decides its bytes, and nothing else.
func Canonical(schemaText string) (string, error) {
	s, err := parse(schemaText)
	if err != nil {
		return "", err
	}
	return s.Canonical(), nil
}

// Fingerprint is the 64-bit Rabin fingerprint of the canonical form.
func Fingerprint(schemaText string) (uint64, error) {
	s, err := parse(schemaText)
	if err != nil {
		return 0, err
	}
	return s.Rabin(), nil
}

// Normalize is a deterministic text of a schema that keeps all it says: full names, attributes in a fixed order, no
// white space. Two schemas that say the same normalise to the same text.
func Normalize(schemaText string) (string, error) {
	s, err := parse(schemaText)
	if err != nil {
		return "", err
	}
	return s.Full(), nil
}

// Validate reports whether text is a valid schema; the error matches [ErrSchema] and names the place.
func Validate(schemaText string) error {
	_, err := parse(schemaText)
	return err
}

package avro

import (
	"encoding/binary"
	"encoding/hex"
)

const (
	magicID   = 0
	magicGUID = 1

	// HeaderLen is the number of bytes [AppendHeader] writes before the Avro binary.
	HeaderLen = 5

	guidLen = 16

	// ValueHeader is the record header that holds the schema of the value in header framing.
	ValueHeader = "__value_schema_id"
	// KeyHeader is the record header that holds the schema of the key.
	KeyHeader = "__key_schema_id"
)

// GUID identifies a schema independently of the registry that holds it.
type GUID [guidLen]byte

// IsZero reports the absence of a GUID.
func (g GUID) IsZero() bool { return g == GUID{} }

// String is the usual text of a GUID: 8-4-4-4-12 lower-case hexadecimal digits.
func (g GUID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], g[0:4])
	hex.Encode(b[9:13], g[4:6])
	hex.Encode(b[14:18], g[6:8])
	hex.Encode(b[19:23], g[8:10])
	hex.Encode(b[24:36], g[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ParseGUID reads the text of a GUID.
func ParseGUID(text string) (GUID, error) {
	var g GUID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return g, malformed("%q is not a GUID", text)
	}
	digits := text[0:8] + text[9:13] + text[14:18] + text[19:23] + text[24:36]
	if _, err := hex.Decode(g[:], []byte(digits)); err != nil {
		return GUID{}, malformed("%q is not a GUID", text)
	}
	return g, nil
}

// Frame is a framed value taken apart. Either ID is positive or GUID is not zero.
type Frame struct {
	ID      int32
	GUID    GUID
	Payload []byte // the Avro binary; aliases the value
}

// Headers gives access to the headers of a record.
type Headers interface {
	// Header returns the value of the last header of that name, and whether there is one.
	Header(name string) ([]byte, bool)
}

// AppendHeader appends the prefix that the Avro binary of schema id follows.
func AppendHeader(dst []byte, id int32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, magicID), uint32(id))
}

// ParseFrame takes a framed record value apart. Pass the record's headers to accept header framing as well, which
// then has precedence over any prefix, as in the clients that write it; nil means prefixes only.
func ParseFrame(value []byte, headers Headers) (Frame, error) {
	return parseFrame(value, headers, ValueHeader)
}

// ParseKeyFrame does the same for a framed record key.
func ParseKeyFrame(key []byte, headers Headers) (Frame, error) {
	return parseFrame(key, headers, KeyHeader)
}

func parseFrame(value []byte, headers Headers, name string) (Frame, error) {
	if headers != nil {
		if h, ok := headers.Header(name); ok {
			return headerFrame(h, value, name)
		}
	}
	f, ok := prefix(value)
	if !ok {
		switch {
		case len(value) == 0:
			return Frame{}, malformed("empty value has no schema id")
		case value[0] > magicGUID:
			return Frame{}, malformed("first byte is %#02x, want 0x00 (schema id) or 0x01 (schema GUID)", value[0])
		default:
			return Frame{}, malformed("%d bytes are too few for a schema id, or the id is not positive", len(value))
		}
	}
	return f, nil
}

func prefix(b []byte) (Frame, bool) {
	if len(b) >= HeaderLen && b[0] == magicID {
		id := int32(binary.BigEndian.Uint32(b[1:]))
		return Frame{ID: id, Payload: b[HeaderLen:]}, id > 0
	}
	if len(b) >= 1+guidLen && b[0] == magicGUID {
		g := GUID(b[1 : 1+guidLen])
		return Frame{GUID: g, Payload: b[1+guidLen:]}, !g.IsZero()
	}
	return Frame{}, false
}

// headerFrame reads a schema header: one of the two prefixes, or a bare GUID.
func headerFrame(h, value []byte, name string) (Frame, error) {
	if f, ok := prefix(h); ok && len(f.Payload) == 0 {
		f.Payload = value
		return f, nil
	}
	if len(h) == guidLen && !GUID(h).IsZero() {
		return Frame{GUID: GUID(h), Payload: value}, nil
	}
	return Frame{}, malformed("header %s of %d bytes is neither a schema id nor a GUID", name, len(h))
}

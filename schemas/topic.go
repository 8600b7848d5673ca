package schemas

import "time"

// Kind says what the records of a topic are.
type Kind string

// The kinds a topic name may end in.
const (
	Event   Kind = "event"   // a fact that happened; appended, kept by time
	State   Kind = "state"   // the latest value of each key; compacted, a null value removes the key
	Command Kind = "command" // a request that may be refused
	CDC     Kind = "cdc"     // a change captured from an operational database
)

// Cleanup is Kafka's cleanup.policy.
type Cleanup string

// The cleanup policies a contract may ask for.
const (
	Delete  Cleanup = "delete"
	Compact Cleanup = "compact"
)

// Info is the untyped part of a topic under contract: all that tools, admin calls and the catalog need.
type Info struct {
	Name          string        // (pub|priv).ecomm.<context>.<name>.<kind>.v<major>
	Subject       string        // registry subject, <topic>-value
	Kind          Kind          //
	Partitions    int           // fixed for the life of the major version
	Cleanup       Cleanup       // Compact exactly for State
	Retention     time.Duration // how long records are kept; 0 means for ever (or until compacted)
	Compatibility string        // registry compatibility level, normally FULL_TRANSITIVE
	Schema        string        // the Avro schema as in the contract
	Record        string        // full name of the Avro record
	KeyFields     []string      // value fields whose text, joined by "|", is the record key
	Contract      string        // id of the data contract (ODCS)
	Product       string        // id of the data product (ODPS) that offers the topic
	Owner         string        // domain that owns the product
	Doc           string        // one sentence
	PII           bool          // any field is classified as personal data
}

// Codec turns a value into Avro binary and back, without reflection.
type Codec[V any] struct {
	// Append appends the Avro encoding of v to dst. It never fails: every Go value has an encoding.
	Append func(dst []byte, v *V) []byte
	// Decode overwrites *v with the value encoded in src and needs all of src. Strings and byte slices in *v do
	// not alias src. It returns an error, never panics, for truncated or malformed input.
	Decode func(v *V, src []byte) error
}

// KeyCodec turns a record key into the plain UTF-8 text that is partitioned on, and back.
type KeyCodec[K any] struct {
	Append func(dst []byte, k K) []byte
	Parse  func(src []byte) (K, error)
}

// Topic is a topic under contract, typed by its key and its value. Generated code declares one per contract.
type Topic[K, V any] struct {
	Info   Info
	Keys   KeyCodec[K]
	Values Codec[V]
	// KeyOf is the key that a value belongs under.
	KeyOf func(v *V) K
}

// SourceTopic lets a topic stand wherever a source of keyed records is asked for.
func (t *Topic[K, V]) SourceTopic() *Topic[K, V] { return t }

// Name is the topic's name.
func (t *Topic[K, V]) Name() string { return t.Info.Name }

// TopicInfo is the untyped part, for code that handles topics of any type.
func (t *Topic[K, V]) TopicInfo() *Info { return &t.Info }

// StringKey is the codec of keys that are one plain string.
func StringKey() KeyCodec[string] {
	return KeyCodec[string]{
		Append: func(dst []byte, k string) []byte { return append(dst, k...) },
		Parse:  func(src []byte) (string, error) { return string(src), nil },
	}
}

package telemetry

// Outcome is what became of one input record. The sum over all outcomes is
// the number of records handled, except OutcomeRetried, which counts attempts.
type Outcome uint8

// Outcomes of a record.
const (
	OutcomeOK           Outcome = iota // reacted to
	OutcomeSkipped                     // the reaction chose to ignore it
	OutcomeRetried                     // an attempt failed and was repeated
	OutcomeDeadLettered                // went to the dead-letter topic
	OutcomeDropped                     // lost on purpose: too late with no late output
	numOutcomes
)

var outcomeText = [numOutcomes]string{"ok", "skipped", "retried", "dead_letter", "dropped"}

func (o Outcome) String() string { return text(outcomeText[:], int(o)) }

// Kind tells values from deletions in a compacted topic.
type Kind uint8

// Kinds of published records.
const (
	KindUpsert Kind = iota
	KindTombstone
	numKinds
)

var kindText = [numKinds]string{"upsert", "tombstone"}

func (k Kind) String() string { return text(kindText[:], int(k)) }

// TxnResult is how a transaction ended.
type TxnResult uint8

// Results of a transaction.
const (
	TxnCommitted   TxnResult = iota
	TxnAborted               // definitely not committed
	TxnUnconfirmed           // outcome unknown; counted before recovery starts
	TxnFenced                // a newer producer took over
	numTxnResults
)

var txnResultText = [numTxnResults]string{"committed", "aborted", "unconfirmed", "fenced"}

func (r TxnResult) String() string { return text(txnResultText[:], int(r)) }

// Reason is why a record went to the dead-letter topic.
type Reason uint8

// Reasons for dead letters.
const (
	ReasonDecode        Reason = iota // the bytes are not what the schema says
	ReasonSchemaUnknown               // the registry does not know the schema id
	ReasonValidation                  // the contract is violated
	ReasonHandler                     // the reaction failed for good
	ReasonPoison                      // the record crashed the reaction
	ReasonLate                        // behind the window's grace
	numReasons
)

var reasonText = [numReasons]string{"decode", "schema_unknown", "validation", "handler", "poison", "late"}

func (r Reason) String() string { return text(reasonText[:], int(r)) }

// RebalanceReason is why the assignment of a group member changed.
type RebalanceReason uint8

// Reasons for a change of assignment.
const (
	RebalanceAssigned RebalanceReason = iota // partitions gained
	RebalanceRevoked                         // partitions handed back in order
	RebalanceLost                            // partitions taken: session expired or fenced
	RebalanceFailed                          // membership ended with an error
	numRebalanceReasons
)

var rebalanceText = [numRebalanceReasons]string{"assigned", "revoked", "lost", "failed"}

func (r RebalanceReason) String() string { return text(rebalanceText[:], int(r)) }

// ErrorClass is a closed classification of errors for labels; error texts are
// never labels.
type ErrorClass uint8

// Classes of errors.
const (
	ErrorOther ErrorClass = iota
	ErrorTimeout
	ErrorDial
	ErrorTLS
	ErrorSASL
	ErrorAuthorization
	ErrorTooLarge
	ErrorFenced
	ErrorLeader // leader moved or not available
	ErrorClosed
	numErrorClasses
)

var errorText = [numErrorClasses]string{"other", "timeout", "dial", "tls", "sasl", "authorization", "too_large", "fenced", "leader", "closed"}

func (c ErrorClass) String() string { return text(errorText[:], int(c)) }

// text looks i up, and maps what is out of range to "other" so that a bad
// value cannot create a new label.
func text(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return "other"
	}
	return names[i]
}

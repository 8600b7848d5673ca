package kafka

// code is what this package knows about an error code of the protocol.
type code struct {
	name  string
	is    error // the sentinel it matches, if any
	retry bool  // worth asking again, possibly elsewhere
	hint  string
}

// The codes that more than one place reasons about.
const (
	codeOffsetOutOfRange       = 1
	codeUnknownTopic           = 3
	codeLeaderNotAvailable     = 5
	codeNotLeader              = 6
	codeRequestTimedOut        = 7
	codeBrokerUnavailable      = 8
	codeCoordinatorLoading     = 14
	codeCoordinatorUnavailable = 15
	codeNotCoordinator         = 16
	codeIllegalGeneration      = 22
	codeUnknownMember          = 25
	codeRebalanceInProgress    = 27
	codeUnsupportedVersion     = 35
	codeTopicExists            = 36
	codeNotController          = 41
	codeOutOfOrderSequence     = 45
	codeDuplicateSequence      = 46
	codeInvalidProducerEpoch   = 47
	codeInvalidTxnState        = 48
	codeConcurrentTransactions = 51
	codeOperationNotAttempted  = 55
	codeUnknownProducerID      = 59
	codeNonEmptyGroup          = 68
	codeGroupIDNotFound        = 69
	codeFencedLeaderEpoch      = 74
	codeUnknownLeaderEpoch     = 75
	codeMemberIDRequired       = 79
	codeUnstableOffset         = 88
	codeProducerFenced         = 90
	codeFencedMemberEpoch      = 110
	codeUnreleasedInstance     = 111
	codeStaleMemberEpoch       = 113
	codeTxnAbortable           = 120
)

// codes follow org.apache.kafka.common.protocol.Errors.
var codes = map[int16]code{
	-1:  {"UNKNOWN_SERVER_ERROR", nil, false, "the reason is in the broker's log"},
	1:   {"OFFSET_OUT_OF_RANGE", ErrOffsetOutOfRange, false, "retention deleted it or it was never written: start from the earliest or latest offset"},
	2:   {"CORRUPT_MESSAGE", ErrCorrupt, true, ""},
	3:   {"UNKNOWN_TOPIC_OR_PARTITION", ErrUnknownTopic, true, "create the topic, or check its name and the right to describe it"},
	4:   {"INVALID_FETCH_SIZE", nil, false, ""},
	5:   {"LEADER_NOT_AVAILABLE", nil, true, "an election is under way"},
	6:   {"NOT_LEADER_OR_FOLLOWER", nil, true, ""},
	7:   {"REQUEST_TIMED_OUT", nil, true, ""},
	8:   {"BROKER_NOT_AVAILABLE", nil, true, ""},
	9:   {"REPLICA_NOT_AVAILABLE", nil, true, ""},
	10:  {"MESSAGE_TOO_LARGE", ErrTooLarge, false, "raise max.message.bytes of the topic or send smaller records"},
	12:  {"OFFSET_METADATA_TOO_LARGE", nil, false, ""},
	13:  {"NETWORK_EXCEPTION", nil, true, ""},
	14:  {"COORDINATOR_LOAD_IN_PROGRESS", nil, true, ""},
	15:  {"COORDINATOR_NOT_AVAILABLE", nil, true, "the internal topic is being created or its replicas are down"},
	16:  {"NOT_COORDINATOR", nil, true, ""},
	17:  {"INVALID_TOPIC_EXCEPTION", nil, false, "topic names have up to 249 of the characters a-z A-Z 0-9 . _ -"},
	18:  {"RECORD_LIST_TOO_LARGE", ErrTooLarge, false, "raise segment.bytes of the topic or send smaller batches"},
	19:  {"NOT_ENOUGH_REPLICAS", nil, true, "fewer replicas in sync than min.insync.replicas"},
	20:  {"NOT_ENOUGH_REPLICAS_AFTER_APPEND", nil, true, "fewer replicas in sync than min.insync.replicas"},
	21:  {"INVALID_REQUIRED_ACKS", nil, false, ""},
	22:  {"ILLEGAL_GENERATION", ErrStaleMember, false, ""},
	23:  {"INCONSISTENT_GROUP_PROTOCOL", nil, false, "other members of the group use another protocol or assignor"},
	24:  {"INVALID_GROUP_ID", nil, false, ""},
	25:  {"UNKNOWN_MEMBER_ID", ErrStaleMember, false, ""},
	26:  {"INVALID_SESSION_TIMEOUT", nil, false, "see group.min.session.timeout.ms and group.max.session.timeout.ms of the broker"},
	27:  {"REBALANCE_IN_PROGRESS", ErrStaleMember, false, ""},
	28:  {"INVALID_COMMIT_OFFSET_SIZE", nil, false, ""},
	29:  {"TOPIC_AUTHORIZATION_FAILED", ErrAuth, false, "grant the principal the operation on this topic"},
	30:  {"GROUP_AUTHORIZATION_FAILED", ErrAuth, false, "grant the principal READ on this group"},
	31:  {"CLUSTER_AUTHORIZATION_FAILED", ErrAuth, false, "grant the principal the operation on the cluster"},
	32:  {"INVALID_TIMESTAMP", nil, false, "the topic refuses timestamps this far from the broker's clock"},
	33:  {"UNSUPPORTED_SASL_MECHANISM", ErrAuth, false, "the listener offers other mechanisms: see sasl.enabled.mechanisms of the broker"},
	34:  {"ILLEGAL_SASL_STATE", ErrAuth, false, "the listener expects no authentication, or another one"},
	35:  {"UNSUPPORTED_VERSION", ErrUnsupported, false, ""},
	36:  {"TOPIC_ALREADY_EXISTS", ErrTopicExists, false, ""},
	37:  {"INVALID_PARTITIONS", nil, false, ""},
	38:  {"INVALID_REPLICATION_FACTOR", nil, false, "no more replicas than brokers"},
	39:  {"INVALID_REPLICA_ASSIGNMENT", nil, false, ""},
	40:  {"INVALID_CONFIG", nil, false, ""},
	41:  {"NOT_CONTROLLER", nil, true, ""},
	42:  {"INVALID_REQUEST", nil, false, ""},
	43:  {"UNSUPPORTED_FOR_MESSAGE_FORMAT", ErrUnsupported, false, ""},
	44:  {"POLICY_VIOLATION", nil, false, "a policy of the cluster forbids it"},
	45:  {"OUT_OF_ORDER_SEQUENCE_NUMBER", nil, false, ""},
	46:  {"DUPLICATE_SEQUENCE_NUMBER", nil, false, ""},
	47:  {"INVALID_PRODUCER_EPOCH", nil, false, ""},
	48:  {"INVALID_TXN_STATE", nil, false, ""},
	49:  {"INVALID_PRODUCER_ID_MAPPING", nil, false, ""},
	50:  {"INVALID_TRANSACTION_TIMEOUT", nil, false, "larger than transaction.max.timeout.ms of the broker"},
	51:  {"CONCURRENT_TRANSACTIONS", nil, true, ""},
	52:  {"TRANSACTION_COORDINATOR_FENCED", nil, true, ""},
	53:  {"TRANSACTIONAL_ID_AUTHORIZATION_FAILED", ErrAuth, false, "grant the principal WRITE on this transactional id"},
	54:  {"SECURITY_DISABLED", ErrUnsupported, false, ""},
	55:  {"OPERATION_NOT_ATTEMPTED", nil, false, "another partition of the same request failed"},
	56:  {"KAFKA_STORAGE_ERROR", nil, true, "a disk of the broker failed"},
	57:  {"LOG_DIR_NOT_FOUND", nil, false, ""},
	58:  {"SASL_AUTHENTICATION_FAILED", ErrAuth, false, "check user, password and mechanism"},
	59:  {"UNKNOWN_PRODUCER_ID", nil, false, ""},
	60:  {"REASSIGNMENT_IN_PROGRESS", nil, false, ""},
	61:  {"DELEGATION_TOKEN_AUTH_DISABLED", ErrUnsupported, false, ""},
	65:  {"DELEGATION_TOKEN_AUTHORIZATION_FAILED", ErrAuth, false, ""},
	67:  {"INVALID_PRINCIPAL_TYPE", nil, false, ""},
	68:  {"NON_EMPTY_GROUP", ErrGroupBusy, false, "stop the members of the group first"},
	69:  {"GROUP_ID_NOT_FOUND", ErrUnknownGroup, false, ""},
	70:  {"FETCH_SESSION_ID_NOT_FOUND", nil, true, ""},
	71:  {"INVALID_FETCH_SESSION_EPOCH", nil, true, ""},
	72:  {"LISTENER_NOT_FOUND", nil, true, "a broker lacks the listener this client came in by"},
	73:  {"TOPIC_DELETION_DISABLED", nil, false, ""},
	74:  {"FENCED_LEADER_EPOCH", nil, true, ""},
	75:  {"UNKNOWN_LEADER_EPOCH", nil, true, ""},
	76:  {"UNSUPPORTED_COMPRESSION_TYPE", ErrUnsupported, false, ""},
	77:  {"STALE_BROKER_EPOCH", nil, true, ""},
	78:  {"OFFSET_NOT_AVAILABLE", nil, true, ""},
	79:  {"MEMBER_ID_REQUIRED", nil, false, ""},
	80:  {"PREFERRED_LEADER_NOT_AVAILABLE", nil, true, ""},
	81:  {"GROUP_MAX_SIZE_REACHED", nil, false, "see group.max.size of the broker"},
	82:  {"FENCED_INSTANCE_ID", ErrStaleMember, false, "another process uses the same instance id"},
	83:  {"ELIGIBLE_LEADERS_NOT_AVAILABLE", nil, true, ""},
	84:  {"ELECTION_NOT_NEEDED", nil, false, ""},
	86:  {"GROUP_SUBSCRIBED_TO_TOPIC", ErrGroupBusy, false, "stop the members of the group first"},
	87:  {"INVALID_RECORD", nil, false, "the broker refused a record: a compacted topic wants a key, for one"},
	88:  {"UNSTABLE_OFFSET_COMMIT", ErrUnstableOffset, true, ""},
	89:  {"THROTTLING_QUOTA_EXCEEDED", nil, true, ""},
	90:  {"PRODUCER_FENCED", ErrFenced, false, "another process uses the same transactional id"},
	91:  {"RESOURCE_NOT_FOUND", nil, false, ""},
	94:  {"INCONSISTENT_VOTER_SET", nil, false, ""},
	96:  {"FEATURE_UPDATE_FAILED", nil, false, ""},
	98:  {"SNAPSHOT_NOT_FOUND", nil, false, ""},
	100: {"UNKNOWN_TOPIC_ID", ErrUnknownTopic, true, ""},
	103: {"INCONSISTENT_TOPIC_ID", ErrUnknownTopic, true, ""},
	107: {"TRANSACTIONAL_ID_NOT_FOUND", nil, false, ""},
	110: {"FENCED_MEMBER_EPOCH", ErrStaleMember, false, ""},
	111: {"UNRELEASED_INSTANCE_ID", nil, false, "another live member uses this instance id; it is freed when its session ends"},
	112: {"UNSUPPORTED_ASSIGNOR", ErrUnsupported, false, ""},
	113: {"STALE_MEMBER_EPOCH", ErrStaleMember, false, ""},
	115: {"UNSUPPORTED_ENDPOINT_TYPE", ErrUnsupported, false, ""},
	120: {"TRANSACTION_ABORTABLE", nil, false, ""},
}

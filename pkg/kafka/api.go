package kafka

// api identifies a Kafka API: its key, its name as in the protocol guide, and the first version with flexible
// (compact and tagged) encoding, -1 when there is none.
type api struct {
	key  int16
	name string
	flex int16
}

func (a api) flexible(version int16) bool { return a.flex >= 0 && version >= a.flex }

// The APIs spoken here. Which versions are spoken is said by each request.
var (
	apiProduce                 = api{0, "Produce", 9}
	apiFetch                   = api{1, "Fetch", 12}
	apiListOffsets             = api{2, "ListOffsets", 6}
	apiMetadata                = api{3, "Metadata", 9}
	apiOffsetCommit            = api{8, "OffsetCommit", 8}
	apiOffsetFetch             = api{9, "OffsetFetch", 6}
	apiFindCoordinator         = api{10, "FindCoordinator", 3}
	apiJoinGroup               = api{11, "JoinGroup", 6}
	apiHeartbeat               = api{12, "Heartbeat", 4}
	apiLeaveGroup              = api{13, "LeaveGroup", 4}
	apiSyncGroup               = api{14, "SyncGroup", 4}
	apiDescribeGroups          = api{15, "DescribeGroups", 5}
	apiListGroups              = api{16, "ListGroups", 3}
	apiAPIVersions             = api{18, "ApiVersions", 3}
	apiCreateTopics            = api{19, "CreateTopics", 5}
	apiDeleteTopics            = api{20, "DeleteTopics", 4}
	apiDeleteRecords           = api{21, "DeleteRecords", 2}
	apiInitProducerID          = api{22, "InitProducerId", 2}
	apiAddPartitionsToTxn      = api{24, "AddPartitionsToTxn", 3}
	apiAddOffsetsToTxn         = api{25, "AddOffsetsToTxn", 3}
	apiEndTxn                  = api{26, "EndTxn", 3}
	apiTxnOffsetCommit         = api{28, "TxnOffsetCommit", 3}
	apiDescribeConfigs         = api{32, "DescribeConfigs", 4}
	apiDeleteGroups            = api{42, "DeleteGroups", 2}
	apiIncrementalAlterConfigs = api{44, "IncrementalAlterConfigs", 1}
	apiOffsetDelete            = api{47, "OffsetDelete", -1}
	apiDescribeCluster         = api{60, "DescribeCluster", 0}
	apiConsumerGroupHeartbeat  = api{68, "ConsumerGroupHeartbeat", 0}
	apiConsumerGroupDescribe   = api{69, "ConsumerGroupDescribe", 0}
)

package cli

type describeCmd struct{}
type resetCmd struct{}
type replayCmd struct{}
type dlqCmd struct{}
type registryServeCmd struct{}

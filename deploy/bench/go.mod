module meshwork.dev/deploy/bench

go 1.26.0

require (
	github.com/segmentio/kafka-go v0.4.51
	github.com/twmb/franz-go v1.22.2
	github.com/twmb/franz-go/pkg/kadm v1.19.0
	golang.org/x/sync v0.24.0
	meshwork.dev/deploy/e2e v0.0.0
	meshwork.dev/pkg v0.0.0
	meshwork.dev/schemas v0.0.0
)

replace (
	meshwork.dev/deploy/e2e => ../e2e
	meshwork.dev/pkg => ../../pkg
	meshwork.dev/schemas => ../../schemas
)

exclude github.com/Azure/go-ansiterm v0.0.0-20261006220739-8c912ac31dd4

module meshwork.dev/deploy/e2e

go 1.26.0

require (
	github.com/stretchr/testify v1.12.1
	github.com/testcontainers/testcontainers-go v0.45.0
	meshwork.dev/pkg v0.0.0
	meshwork.dev/schemas v0.0.0
)

replace (
	meshwork.dev/pkg => ../../pkg
	meshwork.dev/schemas => ../../schemas
)

exclude github.com/Azure/go-ansiterm v0.0.0-20261006220739-8c912ac31dd4

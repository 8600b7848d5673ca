module meshwork.dev/deploy/bench

go 1.26.0

require (
	meshwork.dev/pkg v0.0.0
	meshwork.dev/schemas v0.0.0
)

replace (
	meshwork.dev/pkg => ../../pkg
	meshwork.dev/schemas => ../../schemas
)

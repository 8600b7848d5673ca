module meshwork.dev/services/meshwork

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0
	github.com/rogpeppe/go-internal v1.16.0
	github.com/schollz/progressbar/v3 v3.19.1
	github.com/stretchr/testify v1.12.1
	go.uber.org/zap v1.28.0
	meshwork.dev/pkg v0.0.0
	meshwork.dev/schemas v0.0.0
	meshwork.dev/services/orderprocessing v0.0.0
	meshwork.dev/services/product v0.0.0
)

require go.uber.org/multierr v1.10.0 // indirect

replace (
	meshwork.dev/pkg => ../../pkg
	meshwork.dev/schemas => ../../schemas
	meshwork.dev/services/orderprocessing => ../orderprocessing
	meshwork.dev/services/product => ../product
)

module meshwork.dev/services/meshwork

go 1.26.0

require (
	github.com/schollz/progressbar/v3 v3.19.1
	meshwork.dev/pkg v0.0.0
	meshwork.dev/schemas v0.0.0
	meshwork.dev/services/orderprocessing v0.0.0
	meshwork.dev/services/product v0.0.0
)

replace (
	meshwork.dev/pkg => ../../pkg
	meshwork.dev/schemas => ../../schemas
	meshwork.dev/services/orderprocessing => ../orderprocessing
	meshwork.dev/services/product => ../product
)

// Command meshwork runs the mesh and looks into it. See meshwork --help.
package main

import "meshwork.dev/services/meshwork/internal/cli"

func main() { cli.Main() }

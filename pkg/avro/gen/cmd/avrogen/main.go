// Command avrogen generates the Go of the contracts in a tree. It is what "meshwork generate" runs, for when the
// generated code that meshwork itself is built from is missing or broken.
package main

import (
	"flag"
	"fmt"
	"os"

	"meshwork.dev/pkg/avro/gen"
)

func main() {
	dir := flag.String("dir", "schemas", "root of the module that holds the contracts")
	check := flag.Bool("check", false, "change nothing; list stale files and exit with status 1 if there are any")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "avrogen: takes flags only")
		os.Exit(2)
	}
	changed, err := gen.Run(*dir, *check)
	if err != nil {
		fmt.Fprintln(os.Stderr, "avrogen:", err)
		os.Exit(1)
	}
	for _, file := range changed {
		fmt.Println("wrote", file)
	}
}

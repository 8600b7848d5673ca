//go:build !linux

package state

import (
	"errors"
	"os"
)

// scratchWorks says whether there are scratch files here.
const scratchWorks = false

var errNoScratch = errors.New("state: no scratch files on this system")

func openScratch(string) (*os.File, error)            { return nil, errNoScratch }
func mapScratch(*os.File, int64, int) ([]byte, error) { return nil, errNoScratch }
func emptyScratch(*os.File, int64, int) error         { return errNoScratch }
func dropScratch([]byte)                              {}
func filePages() int64                                { return 0 }

package report

// Table is one table of results.
type Table struct {
	// Name is a short stable id for machines, such as "cdnow-parameters".
	Name string
	// Title is one line for people: what was measured, on what, by which protocol.
	Title string
	// Columns are the headings. The first column names the row.
	Columns []string
	// Rows are the results; each has as many cells as there are columns. A cell that does not apply is "-".
	Rows [][]string
	// Notes say what a reader must know before quoting a number: protocol, ties, what is published and where.
	Notes []string
}

// Progress is told how far a long evaluation is: what it does now, and how many of how many steps are done. total 0
// means that the number of steps is not known.
type Progress func(what string, done, total int)

// Step reports progress; a nil Progress ignores it.
func (p Progress) Step(what string, done, total int) {
	if p != nil {
		p(what, done, total)
	}
}

package registry

import (
	"fmt"
	"net/http"
)

// refusal is an error answer of the server.
type refusal struct {
	code    Code
	message string
}

func (r *refusal) Error() string { return r.message }

func (r *refusal) status() int {
	status := int(r.code)
	if status >= 1000 {
		status /= 100
	}
	return status
}

func refuse(code Code, format string, args ...any) error {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

func subjectNotFound(name string) error {
	return refuse(CodeSubjectNotFound, "Subject '%s' not found.", name)
}

func versionNotFound(number int) error {
	return refuse(CodeVersionNotFound, "Version %d not found.", number)
}

func schemaNotFound(what string) error {
	return refuse(CodeSchemaNotFound, "Schema %s not found", what)
}

var errNoSuchPage = &refusal{code: http.StatusNotFound, message: "HTTP 404 Not Found"}

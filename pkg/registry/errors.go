package registry

import (
	"errors"
	"fmt"
	"net/http"

	"meshwork.dev/pkg/avro"
)

// Code is an error code of the schema registry's REST API. Its first three digits are the HTTP status.
type Code int

// The codes, by the names their users know them under.
const (
	CodeSubjectNotFound            Code = 40401
	CodeVersionNotFound            Code = 40402
	CodeSchemaNotFound             Code = 40403
	CodeSubjectSoftDeleted         Code = 40404 // deleted softly already
	CodeSubjectNotSoftDeleted      Code = 40405 // delete softly first
	CodeVersionSoftDeleted         Code = 40406
	CodeVersionNotSoftDeleted      Code = 40407
	CodeSubjectCompatibilityNotSet Code = 40408
	CodeSubjectModeNotSet          Code = 40409
	CodeIncompatible               Code = 409
	CodeInvalidSchema              Code = 42201
	CodeInvalidVersion             Code = 42202
	CodeInvalidCompatibility       Code = 42203
	CodeInvalidMode                Code = 42204
	CodeOperationNotPermitted      Code = 42205
	CodeReferenceExists            Code = 42206
	CodeInvalidSubject             Code = 42208
	CodeStore                      Code = 50001
	CodeTimeout                    Code = 50002
	CodeUnavailable                Code = 503
)

// Sentinels to use with errors.Is on whatever the client returns. Schemas the registry does not have also match
// avro.ErrUnknownSchema.
var (
	// ErrNotFound is returned for a subject, version or schema that the registry does not have.
	ErrNotFound = errors.New("not found in the schema registry")
	// ErrIncompatible is returned when a schema breaks the subject's compatibility level.
	ErrIncompatible = errors.New("incompatible with an earlier version")
	// ErrUnavailable is returned when no registry answered, or only with server errors; trying later can help.
	ErrUnavailable = errors.New("schema registry unavailable")
)

// Error is an error answer of a registry.
type Error struct {
	Op      string // what was asked, such as "register orders-value"
	URL     string // of the registry, without credentials
	Status  int    // HTTP status
	Code    Code   // error_code of the body; 0 when the body held none
	Message string // message of the body
}

// Error tells what was asked, what was answered and what can be done.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s at %s: ", e.Op, e.URL)
	if e.Code != 0 {
		text += fmt.Sprintf("error %d: %s", e.Code, e.Message)
	} else {
		text += fmt.Sprintf("HTTP status %d: %s", e.Status, e.Message)
	}
	if advice := e.Advice(); advice != "" {
		text += " (" + advice + ")"
	}
	return text
}

// Advice says what to do about the error, or nothing.
func (e *Error) Advice() string {
	switch e.Code {
	case CodeSubjectNotFound:
		return "register a schema under this subject first, or check its name: it is normally <topic>-value"
	case CodeVersionNotFound:
		return "list the subject's versions; a deleted one is seen only with deleted=true"
	case CodeSchemaNotFound:
		return "check that producer and consumer use the same registry"
	case CodeSubjectSoftDeleted, CodeVersionSoftDeleted:
		return "it is deleted already; delete it with permanent=true to remove it for good"
	case CodeSubjectNotSoftDeleted, CodeVersionNotSoftDeleted:
		return "delete it without permanent=true first"
	case CodeIncompatible:
		return "change the schema as the messages say, or publish it under a new major version of the topic"
	case CodeInvalidSchema:
		return "correct the schema at the place named"
	case CodeOperationNotPermitted:
		return "the registry or the subject is in a read-only mode"
	case CodeReferenceExists:
		return "delete the schemas that refer to it first"
	default:
	}
	switch {
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return "check user, password and permissions for the registry"
	case e.Status == http.StatusNotFound && e.Code == 0, e.Status == http.StatusMethodNotAllowed:
		return "this does not look like a schema registry: check host, port and base path of the URL"
	case e.Status >= 500 || e.Status == http.StatusTooManyRequests:
		return "try again later; see the registry's log"
	}
	return ""
}

// Is makes the sentinels of this package and avro.ErrUnknownSchema match.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound && e.Code != 0
	case avro.ErrUnknownSchema:
		return e.Code == CodeSchemaNotFound || e.Code == CodeVersionNotFound || e.Code == CodeSubjectNotFound
	case ErrIncompatible:
		return e.Status == http.StatusConflict
	case ErrUnavailable:
		return e.retriable()
	}
	return false
}

func (e *Error) retriable() bool {
	return e.Status >= 500 && e.Status != http.StatusNotImplemented || e.Status == http.StatusTooManyRequests ||
		e.Status == http.StatusRequestTimeout
}

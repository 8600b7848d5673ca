package registry

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"meshwork.dev/pkg/avro"
)

// Ping asks the registry for its list of schema types: it answers, and it is a registry.
func (c *Client) Ping(ctx context.Context) error {
	var types []string
	return c.do(ctx, "reach the schema registry", http.MethodGet, "/schemas/types", nil, nil, &types)
}

// Subjects lists the subjects, with softly deleted ones if deleted is true.
func (c *Client) Subjects(ctx context.Context, deleted bool) ([]string, error) {
	var names []string
	err := c.do(ctx, "list subjects", http.MethodGet, "/subjects", deletedQuery(deleted), nil, &names)
	return names, err
}

// Versions lists the versions of a subject in ascending order.
func (c *Client) Versions(ctx context.Context, subject string, deleted bool) ([]int, error) {
	var versions []int
	err := c.do(ctx, "list versions of "+subject, http.MethodGet, "/subjects/"+url.PathEscape(subject)+"/versions",
		deletedQuery(deleted), nil, &versions)
	return versions, err
}

// CheckCompatibility says whether a schema could be registered under a subject: no messages if it could, otherwise
// what breaks. A subject that does not exist yet accepts everything.
func (c *Client) CheckCompatibility(ctx context.Context, subject string, s Schema) ([]string, error) {
	var a compatibilityBody
	err := c.do(ctx, "check compatibility with "+subject, http.MethodPost,
		"/compatibility/subjects/"+url.PathEscape(subject)+"/versions", url.Values{"verbose": {"true"}}, body(s), &a)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case a.IsCompatible:
		return nil, nil
	case len(a.Messages) == 0:
		return []string{"the registry calls the schema incompatible without saying why"}, nil
	}
	return a.Messages, nil
}

// Compatibility returns the level that holds for a subject, which is the global one unless it has its own; with an
// empty subject, the global level.
func (c *Client) Compatibility(ctx context.Context, subject string) (avro.Level, error) {
	var a configBody
	query := url.Values{}
	if subject != "" {
		query.Set("defaultToGlobal", "true")
	}
	err := c.do(ctx, "read compatibility of "+subject, http.MethodGet, scoped("/config", subject), query, nil, &a)
	if err != nil {
		return "", err
	}
	if a.Level == "" {
		a.Level = a.Compatibility
	}
	return avro.ParseLevel(a.Level)
}

// SetCompatibility sets the level of a subject, or the global one when subject is empty.
func (c *Client) SetCompatibility(ctx context.Context, subject string, level avro.Level) error {
	return c.do(ctx, "set compatibility of "+subject, http.MethodPut, scoped("/config", subject), nil,
		configBody{Compatibility: string(level)}, nil)
}

// Mode returns the mode that holds for a subject, or the global one: READWRITE, READONLY, IMPORT, FORWARD or
// READONLY_OVERRIDE.
func (c *Client) Mode(ctx context.Context, subject string) (string, error) {
	var a modeBody
	query := url.Values{}
	if subject != "" {
		query.Set("defaultToGlobal", "true")
	}
	err := c.do(ctx, "read mode of "+subject, http.MethodGet, scoped("/mode", subject), query, nil, &a)
	return a.Mode, err
}

// SetMode sets the mode of a subject, or the global one when subject is empty.
func (c *Client) SetMode(ctx context.Context, subject, mode string) error {
	return c.do(ctx, "set mode of "+subject, http.MethodPut, scoped("/mode", subject), nil, modeBody{Mode: mode}, nil)
}

// DeleteSubject deletes a subject softly, so that its ids keep working, or, once that is done, for good. It returns
// the versions concerned.
func (c *Client) DeleteSubject(ctx context.Context, subject string, permanent bool) ([]int, error) {
	var versions []int
	err := c.do(ctx, "delete "+subject, http.MethodDelete, "/subjects/"+url.PathEscape(subject), permanentQuery(permanent),
		nil, &versions)
	c.forget()
	return versions, err
}

// DeleteVersion is DeleteSubject for one version.
func (c *Client) DeleteVersion(ctx context.Context, subject string, version int, permanent bool) error {
	err := c.do(ctx, "delete version "+strconv.Itoa(version)+" of "+subject, http.MethodDelete,
		"/subjects/"+url.PathEscape(subject)+"/versions/"+strconv.Itoa(version), permanentQuery(permanent), nil, nil)
	c.forget()
	return err
}

// ReferencedBy lists the ids of schemas that refer to a version.
func (c *Client) ReferencedBy(ctx context.Context, subject string, version int) ([]int, error) {
	var ids []int
	err := c.do(ctx, "list references to "+subject, http.MethodGet,
		"/subjects/"+url.PathEscape(subject)+"/versions/"+strconv.Itoa(version)+"/referencedby", nil, nil, &ids)
	return ids, err
}

// forget drops what a deletion can make untrue: what is registered where. Ids keep their meaning.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.registered)
	clear(c.byVersion)
	c.kept()
}

func scoped(path, subject string) string {
	if subject == "" {
		return path
	}
	return path + "/" + url.PathEscape(subject)
}

func deletedQuery(deleted bool) url.Values {
	if !deleted {
		return nil
	}
	return url.Values{"deleted": {"true"}}
}

func permanentQuery(permanent bool) url.Values {
	if !permanent {
		return nil
	}
	return url.Values{"permanent": {"true"}}
}

package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/telemetry"
)

var _ avro.SchemaSource = (*Client)(nil)

// Client talks to a schema registry with the Confluent REST API. It is safe for concurrent use. Schemas by id, GUID
// and version never change and are asked for once; everything else is asked for each time.
type Client struct {
	endpoints []endpoint
	http      *http.Client
	auth      credentials
	log       *zap.Logger
	rounds    int
	wait      time.Duration
	metrics   *telemetry.Metrics // may be nil

	mu         sync.Mutex // guards what follows
	preferred  int        // endpoint that answered last
	byID       map[int]Schema
	byVersion  map[subjectVersion]Schema
	registered map[string]Schema // by subject and content
	text       map[string]string // self-contained text by "id" or GUID
}

type subjectVersion struct {
	subject string
	version int
}

type endpoint struct {
	base *url.URL // without credentials
	auth credentials
}

// NewClient returns a client of the registry at urls, which are several addresses of the same registry; a request
// goes to the one that answered last and, if that fails, to the next. A URL may have a base path. No connection is
// made yet.
func NewClient(urls []string, opts ...Option) (*Client, error) {
	c := &Client{
		http: &http.Client{Timeout: 10 * time.Second}, log: zap.NewNop(), rounds: 4, wait: 100 * time.Millisecond,
		byID: make(map[int]Schema), byVersion: make(map[subjectVersion]Schema),
		registered: make(map[string]Schema), text: make(map[string]string),
	}
	for _, opt := range opts {
		opt(c)
	}
	for _, text := range urls {
		e, err := parseEndpoint(text)
		if err != nil {
			return nil, err
		}
		c.endpoints = append(c.endpoints, e)
	}
	if len(c.endpoints) == 0 {
		return nil, errors.New("schema registry: no URL given")
	}
	return c, nil
}

func parseEndpoint(text string) (endpoint, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The text may hold a password, so it is not repeated.
		return endpoint{}, errors.New("schema registry: URL must look like http://host:8081 or https://host/path")
	}
	var e endpoint
	if u.User != nil {
		password, _ := u.User.Password()
		e.auth = basicAuth(u.User.Username(), password)
		u.User = nil
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawQuery, u.Fragment = "", ""
	e.base = u
	return e, nil
}

// SchemaByID returns the text of a schema with everything it refers to inside. The error matches
// avro.ErrUnknownSchema when the registry has no such id, and ErrUnavailable when it could not say.
func (c *Client) SchemaByID(ctx context.Context, id int) (string, error) {
	return c.selfContained(ctx, strconv.Itoa(id), func() (Schema, error) { return c.Schema(ctx, id) })
}

// SchemaByGUID is SchemaByID for a GUID.
func (c *Client) SchemaByGUID(ctx context.Context, guid [16]byte) (string, error) {
	g := avro.GUID(guid).String()
	return c.selfContained(ctx, g, func() (Schema, error) {
		var a schemaBody
		err := c.do(ctx, "read schema "+g, http.MethodGet, "/schemas/guids/"+g, nil, nil, &a)
		return a.schema(), err
	})
}

func (c *Client) selfContained(ctx context.Context, key string, get func() (Schema, error)) (string, error) {
	c.mu.Lock()
	text, ok := c.text[key]
	c.mu.Unlock()
	c.looked(ok)
	if ok {
		return text, nil
	}
	s, err := get()
	if err != nil {
		return "", err
	}
	if s.Type != "" && s.Type != Avro {
		return "", fmt.Errorf("schema %s is of type %s: %w", key, s.Type, avro.ErrUnknownSchema)
	}
	text = s.Text
	if len(s.References) > 0 {
		parsed, err := parseSchema(s.Text, s.References, func(r Reference) (Schema, error) {
			return c.Version(ctx, r.Subject, r.Version)
		})
		if err != nil {
			return "", fmt.Errorf("schema %s: %w", key, err)
		}
		text = parsed.Full()
	}
	c.mu.Lock()
	c.text[key] = text
	c.kept()
	c.mu.Unlock()
	return text, nil
}

// Schema returns the schema of an id as it was registered, references unresolved.
func (c *Client) Schema(ctx context.Context, id int) (Schema, error) {
	c.mu.Lock()
	s, ok := c.byID[id]
	c.mu.Unlock()
	if ok {
		return s, nil
	}
	var a schemaBody
	err := c.do(ctx, fmt.Sprintf("read schema %d", id), http.MethodGet, "/schemas/ids/"+strconv.Itoa(id), nil, nil, &a)
	if err != nil {
		return Schema{}, err
	}
	s = a.schema()
	s.ID, s.Subject, s.Version = id, "", 0
	c.mu.Lock()
	c.byID[id] = s
	c.kept()
	c.mu.Unlock()
	return s, nil
}

// Register registers a schema under a subject and returns it with its id; one that is registered already keeps it.
// The error matches ErrIncompatible when the subject's compatibility level refuses it.
func (c *Client) Register(ctx context.Context, subject string, s Schema) (Schema, error) {
	key := registrationKey(subject, s)
	c.mu.Lock()
	done, ok := c.registered[key]
	c.mu.Unlock()
	c.looked(ok)
	if ok {
		return done, nil
	}
	var a schemaBody
	err := c.do(ctx, "register "+subject, http.MethodPost, "/subjects/"+url.PathEscape(subject)+"/versions", nil, body(s), &a)
	if err != nil {
		return Schema{}, err
	}
	if a.Schema == "" { // registries before version 8 answer with the id alone
		a.Schema, a.Type, a.References = s.Text, s.Type, s.References
	}
	a.Subject = subject
	done = a.schema()
	c.mu.Lock()
	c.registered[key] = done
	c.kept()
	c.mu.Unlock()
	return done, nil
}

// Lookup finds a schema under a subject: its id and version. The error matches ErrNotFound when it is not there.
func (c *Client) Lookup(ctx context.Context, subject string, s Schema) (Schema, error) {
	var a schemaBody
	err := c.do(ctx, "look up a schema of "+subject, http.MethodPost, "/subjects/"+url.PathEscape(subject), nil, body(s), &a)
	return a.schema(), err
}

// Latest returns the newest version of a subject.
func (c *Client) Latest(ctx context.Context, subject string) (Schema, error) {
	return c.version(ctx, subject, "latest")
}

// Version returns one version of a subject; -1 is the latest.
func (c *Client) Version(ctx context.Context, subject string, version int) (Schema, error) {
	if version == -1 {
		return c.Latest(ctx, subject)
	}
	key := subjectVersion{subject, version}
	c.mu.Lock()
	s, ok := c.byVersion[key]
	c.mu.Unlock()
	c.looked(ok)
	if ok {
		return s, nil
	}
	s, err := c.version(ctx, subject, strconv.Itoa(version))
	if err != nil {
		return Schema{}, err
	}
	c.mu.Lock()
	c.byVersion[key] = s
	c.kept()
	c.mu.Unlock()
	return s, nil
}

func (c *Client) version(ctx context.Context, subject, version string) (Schema, error) {
	var a schemaBody
	// A deleted version is still needed where another schema refers to it.
	query := url.Values{}
	if version != "latest" {
		query.Set("deleted", "true")
	}
	err := c.do(ctx, "read version "+version+" of "+subject, http.MethodGet,
		"/subjects/"+url.PathEscape(subject)+"/versions/"+version, query, nil, &a)
	return a.schema(), err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"meshwork.dev/pkg/registry"
)

type registryCmd struct {
	Serve    registryServeCmd    `cmd:"" help:"Serve a schema registry whose state is a topic of a Kafka cluster."`
	Subjects registrySubjectsCmd `cmd:"" help:"List subjects."`
	Show     registryShowCmd     `cmd:"" help:"Print a schema."`
	Check    registryCheckCmd    `cmd:"" help:"Ask whether a schema file is compatible with a subject."`
	Register registryRegisterCmd `cmd:"" help:"Register a schema file under a subject."`
}

// registryNotFound tells an absent subject or schema from a failure.
func registryNotFound(err error) bool { return errors.Is(err, registry.ErrNotFound) }

type registrySubjectsCmd struct {
	registryFlags
	output
	Deleted bool `help:"Also softly deleted ones."`
}

// Run lists subjects.
func (c *registrySubjectsCmd) Run(ctx context.Context, a *app) error {
	cl, err := a.registryClient(c.registryFlags)
	if err != nil {
		return err
	}
	subjects, err := cl.Subjects(ctx, c.Deleted)
	if err != nil {
		return fmt.Errorf("listing subjects: %w", err)
	}
	if c.json() {
		if subjects == nil {
			subjects = []string{}
		}
		return a.printJSON(subjects)
	}
	for _, s := range subjects {
		fmt.Fprintln(a.out, s)
	}
	return nil
}

// subjectOf takes a subject, or the name of a topic or product.
func subjectOf(name string) (string, error) {
	if strings.HasSuffix(name, "-value") || strings.HasSuffix(name, "-key") {
		return name, nil
	}
	topic, err := resolve(name)
	if err != nil {
		return "", err
	}
	return topic + "-value", nil
}

type registryShowCmd struct {
	registryFlags
	output
	Subject string `arg:"" help:"Subject, topic, product, or the number of a schema."`
	Version int    `help:"Version; default: the latest."`
}

// Run prints a schema.
func (c *registryShowCmd) Run(ctx context.Context, a *app) error {
	cl, err := a.registryClient(c.registryFlags)
	if err != nil {
		return err
	}
	var s registry.Schema
	if id, convErr := strconv.Atoi(c.Subject); convErr == nil {
		s, err = cl.Schema(ctx, id)
	} else {
		subject, rerr := subjectOf(c.Subject)
		if rerr != nil {
			return rerr
		}
		if c.Version > 0 {
			s, err = cl.Version(ctx, subject, c.Version)
		} else {
			s, err = cl.Latest(ctx, subject)
		}
	}
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	if c.json() {
		return a.printJSON(s)
	}
	fmt.Fprintln(a.out, s.Text)
	return nil
}

type registryCheckCmd struct {
	registryFlags
	output
	Subject string `arg:"" help:"Subject, topic or product."`
	File    string `arg:"" help:"Avro schema file."`
}

// Run asks whether a schema may follow those of a subject.
func (c *registryCheckCmd) Run(ctx context.Context, a *app) error {
	cl, subject, schema, err := c.open(a)
	if err != nil {
		return err
	}
	messages, err := cl.CheckCompatibility(ctx, subject, schema)
	if err != nil {
		return fmt.Errorf("checking: %w", err)
	}
	if c.json() {
		if messages == nil {
			messages = []string{}
		}
		if err := a.printJSON(map[string]any{"compatible": len(messages) == 0, "messages": messages}); err != nil {
			return err
		}
	} else {
		for _, m := range messages {
			fmt.Fprintln(a.out, m)
		}
	}
	if len(messages) > 0 {
		return quiet{}
	}
	return nil
}

func (c *registryCheckCmd) open(a *app) (*registry.Client, string, registry.Schema, error) {
	cl, err := a.registryClient(c.registryFlags)
	if err != nil {
		return nil, "", registry.Schema{}, err
	}
	subject, err := subjectOf(c.Subject)
	if err != nil {
		return nil, "", registry.Schema{}, err
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, "", registry.Schema{}, &notFound{"schema file: " + err.Error()}
	}
	return cl, subject, registry.Schema{Text: string(text)}, nil
}

type registryRegisterCmd struct{ registryCheckCmd }

// Run registers a schema.
func (c *registryRegisterCmd) Run(ctx context.Context, a *app) error {
	cl, subject, schema, err := c.open(a)
	if err != nil {
		return err
	}
	got, err := cl.Register(ctx, subject, schema)
	if err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	if c.json() {
		return a.printJSON(got)
	}
	fmt.Fprintf(a.out, "%s version %d, id %d\n", subject, got.Version, got.ID)
	return nil
}

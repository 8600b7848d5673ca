package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/service"
	"meshwork.dev/schemas"
	"meshwork.dev/services/meshwork/internal/cli"
)

// The scripts run the command as a user does, on an embedded broker that each
// starts for itself. $KAFKA, $REGISTRY and $HTTP are free addresses.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"meshwork": cli.Main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"KAFKA", "REGISTRY", "HTTP"} {
				addr, err := freeAddress()
				if err != nil {
					return err
				}
				e.Setenv(name, addr)
			}
			if path, err := filepath.Abs(onlineRetail); err == nil {
				e.Setenv("DATA", path)
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "data" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			_, err := os.Stat(onlineRetail)
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "status": status, "produce": produce, "sales": sales},
	})
}

// onlineRetail is the data set, which is not part of the project.
const onlineRetail = "../../../../../shared/data/online_retail/online_retail.csv.gz"

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// ready waits until the mesh at an address answers that it is ready.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready HOST:PORT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := service.Probe(ctx, args[0], "/readyz")
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("not ready: %v", err)
		case <-tick.C:
		}
	}
}

// status runs a command and checks its exit status: status 4 meshwork topics x.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command args")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		got = string(rune('0' + exit.ExitCode()))
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s: %v\n%s%s", got, args[0], err, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// produce sends a record as any client might: produce HOST:PORT TOPIC KEY VALUE.
func produce(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: produce HOST:PORT TOPIC KEY VALUE")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cl, err := kafka.NewClient(kafka.Config{Brokers: args[:1]})
	ts.Check(err)
	defer cl.Close()
	p := cl.NewProducer(kafka.ProducerConfig{})
	ts.Check(p.Send(ctx, args[1], -1, kafka.Message{Key: []byte(args[2]), Value: []byte(args[3])}, nil))
	ts.Check(p.Close(ctx))
}

// sales folds the product-sales records that were printed with -o json and
// checks the number of order lines in them and their net value: sales LINES NET.
func sales(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sales LINES NET")
	}
	type row struct {
		Lines, CancelledLines, AdjustedLines, WrittenOffLines int
		Net                                                   schemas.Money
	}
	rows := map[string]*row{}
	for dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout"))); dec.More(); {
		var rec struct {
			Key   string
			Value *row
		}
		ts.Check(dec.Decode(&rec))
		rows[rec.Key] = rec.Value
	}
	lines, net := 0, schemas.Money(0)
	for _, r := range rows {
		if r != nil {
			lines += r.Lines + r.CancelledLines + r.AdjustedLines + r.WrittenOffLines
			net += r.Net
		}
	}
	if got := []string{strconv.Itoa(lines), net.String()}; got[0] != args[0] || got[1] != args[1] {
		ts.Fatalf("%d keys: lines and net are %v, want %v", len(rows), got, args)
	}
}

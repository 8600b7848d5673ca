package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"meshwork.dev/pkg/broker"
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
			e.Values[brokerKey{}] = new(*broker.Broker)
			for _, name := range []string{"KAFKA", "REGISTRY", "HTTP", "HTTP2"} {
				addr, err := freeAddress()
				if err != nil {
					return err
				}
				e.Setenv(name, addr)
			}
			if path, err := filepath.Abs(onlineRetail); err == nil {
				e.Setenv("DATA", path)
			}
			return goEnvironment(e)
		},
		Condition: func(name string) (bool, error) {
			if name != "data" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			_, err := os.Stat(onlineRetail)
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "status": status, "produce": produce, "sales": sales, "samerows": sameRows, "broker": embedded, "guide": guide},
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

// sameRows folds records that were printed with -o json, and checks that two files end in the same rows, but for
// members of these names: samerows A B NAME.... What is looked up elsewhere depends on the moment.
func sameRows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: samerows A B NAME...")
	}
	fold := func(name string) map[string]any {
		rows := map[string]any{}
		for dec := json.NewDecoder(strings.NewReader(ts.ReadFile(name))); dec.More(); {
			var rec struct {
				Key   string
				Value any
			}
			ts.Check(dec.Decode(&rec))
			if rows[rec.Key] = without(rec.Value, args[2:]); rec.Value == nil {
				delete(rows, rec.Key)
			}
		}
		return rows
	}
	a, b := fold(args[0]), fold(args[1])
	if len(a) == 0 || !reflect.DeepEqual(a, b) {
		ts.Fatalf("the rows differ:\n%v\n%v", a, b)
	}
}

// without is a decoded document without the members of these names.
func without(v any, names []string) any {
	switch v := v.(type) {
	case map[string]any:
		for _, n := range names {
			delete(v, n)
		}
		for k := range v {
			v[k] = without(v[k], names)
		}
	case []any:
		for i := range v {
			v[i] = without(v[i], names)
		}
	}
	return v
}

// brokerKey is where a script's environment keeps the broker that it started.
type brokerKey struct{}

// embedded runs a broker on a folder, with no service beside it: broker DIR HOST:PORT, until broker stop.
func embedded(ts *testscript.TestScript, neg bool, args []string) {
	slot, _ := ts.Value(brokerKey{}).(**broker.Broker)
	switch {
	case neg || len(args) == 0 || len(args) > 2:
		ts.Fatalf("usage: broker DIR HOST:PORT, or broker stop")
	case len(args) == 1:
		ts.Check((*slot).Close())
	default:
		b, err := broker.Start(context.Background(), broker.Config{Dir: ts.MkAbs(args[0]), Listen: args[1]})
		ts.Check(err)
		*slot = b
	}
}

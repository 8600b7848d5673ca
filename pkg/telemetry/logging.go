package telemetry

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// LogConfig says how a process logs.
type LogConfig struct {
	Level  string    // debug, info (default), warn or error
	Format string    // json, console, or auto (default): console on a terminal, else json
	Out    io.Writer // default standard error
}

// NewLogger builds the logger that a process injects everywhere. Fields whose
// name says that they hold a secret or personal data are written as
// "[redacted]", and passwords inside URLs are removed from texts. Values
// inside objects logged with zap.Object or zap.Any are not looked into: log
// plain fields.
func NewLogger(cfg LogConfig) (*zap.Logger, error) {
	level := zapcore.InfoLevel
	if cfg.Level != "" {
		if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
			return nil, fmt.Errorf("log level %q: want debug, info, warn or error", cfg.Level)
		}
	}
	out := cfg.Out
	if out == nil {
		out = os.Stderr
	}
	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey, enc.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	var encoder zapcore.Encoder
	switch cfg.Format {
	case "json":
		encoder = zapcore.NewJSONEncoder(enc)
	case "console":
		encoder = consoleEncoder(enc, out)
	case "", "auto":
		if IsTerminal(out) {
			encoder = consoleEncoder(enc, out)
		} else {
			encoder = zapcore.NewJSONEncoder(enc)
		}
	default:
		return nil, fmt.Errorf("log format %q: want auto, json or console", cfg.Format)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), level)
	return zap.New(redactingCore{core}, zap.ErrorOutput(zapcore.Lock(zapcore.AddSync(out)))), nil
}

func consoleEncoder(enc zapcore.EncoderConfig, out io.Writer) zapcore.Encoder {
	enc.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	enc.EncodeLevel = zapcore.CapitalLevelEncoder
	if IsTerminal(out) && os.Getenv("NO_COLOR") == "" {
		enc.EncodeLevel = zapcore.CapitalColorLevelEncoder
	}
	enc.ConsoleSeparator = "  "
	enc.CallerKey, enc.StacktraceKey = "", ""
	return zapcore.NewConsoleEncoder(enc)
}

// IsTerminal reports whether w is a character device other than the null
// device, which is how terminals look everywhere without asking the system.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok || f == nil || f.Name() == os.DevNull {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const redacted = "[redacted]"

// Parts of field names that mark secrets and personal data. Contents of
// records count as personal data: what a record holds is not a log's business.
var (
	sensitiveParts = []string{
		"password", "passwd", "secret", "token", "authorization", "credential", "apikey", "api_key", "private_key", "cookie",
		"email", "phone", "first_name", "last_name", "firstname", "lastname", "customer_name", "birth", "street", "postcode",
		"bill_to", "ship_to", "billto", "shipto", "card_number", "iban", "payload", "record_value",
	}
	userInfo = regexp.MustCompile(`(://[^/\s:@]*:)[^/\s@]+@`)
)

// Sensitive reports whether a field of that name is masked in logs.
func Sensitive(name string) bool {
	name = strings.ToLower(name)
	for _, part := range sensitiveParts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// RedactText removes passwords inside URLs.
func RedactText(s string) string {
	if !strings.Contains(s, "://") || !strings.Contains(s, "@") {
		return s
	}
	return userInfo.ReplaceAllString(s, "${1}"+redacted+"@")
}

// redactingCore masks fields on their way to the core.
type redactingCore struct{ zapcore.Core }

func (c redactingCore) With(fields []zapcore.Field) zapcore.Core {
	return redactingCore{c.Core.With(redactFields(fields))}
}

func (c redactingCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c redactingCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	e.Message = RedactText(e.Message)
	if err := c.Core.Write(e, redactFields(fields)); err != nil {
		return fmt.Errorf("writing log entry: %w", err)
	}
	return nil
}

// redactFields copies fields only when one has to be masked.
func redactFields(fields []zapcore.Field) []zapcore.Field {
	out, copied := fields, false
	for i, f := range fields {
		masked, changed := redactField(f)
		if !changed {
			continue
		}
		if !copied {
			out, copied = append([]zapcore.Field(nil), fields...), true
		}
		out[i] = masked
	}
	return out
}

func redactField(f zapcore.Field) (zapcore.Field, bool) {
	if Sensitive(f.Key) {
		return zap.String(f.Key, redacted), true
	}
	switch f.Type {
	case zapcore.StringType:
		if s := RedactText(f.String); s != f.String {
			return zap.String(f.Key, s), true
		}
	case zapcore.ErrorType:
		if err, ok := f.Interface.(error); ok && err != nil {
			if s := RedactText(err.Error()); s != err.Error() {
				return zap.String(f.Key, s), true
			}
		}
	case zapcore.StringerType:
		if v, ok := f.Interface.(fmt.Stringer); ok && v != nil {
			s := v.String()
			if r := RedactText(s); r != s {
				return zap.String(f.Key, r), true
			}
		}
	default:
	}
	return f, false
}

// Secret is a text that must not be shown: it prints, logs and marshals as
// "[redacted]", or as the empty text when it is empty. string(s) gives the
// value to those who need it.
type Secret string

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

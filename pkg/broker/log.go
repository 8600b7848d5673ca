package broker

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
)

// kfakeLogger hands what kfake logs to zap: warnings and errors as they are, the rest as debug.
type kfakeLogger struct{ log *zap.Logger }

func (l kfakeLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error(fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Warn(fmt.Sprintf(format, args...))
	case kfake.LogLevelNone:
	default:
		if l.log.Core().Enabled(zap.DebugLevel) {
			l.log.Debug(fmt.Sprintf(format, args...))
		}
	}
}

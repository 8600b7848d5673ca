package governance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// topicLevels are the service levels that a topic can have.
var topicLevels = []string{
	"latency", "frequency", "retention", "availability", "throughput", "errorRate", "timeToDetect", "timeToNotify",
	"timeToRepair", "generalAvailability", "endOfSupport", "endOfLife",
}

var timeUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "sec": time.Second, "m": time.Minute, "min": time.Minute,
	"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// deliveryLimit is the most that a latency may be for the canvas to call it so.
var deliveryLimit = map[string]time.Duration{
	"ES": time.Minute, "MS": time.Second, "SE": time.Minute, "MI": time.Hour, "HO": 24 * time.Hour, "DY": 31 * 24 * time.Hour,
}

// levels checks R15.
func (l *linter) levels() {
	for _, c := range l.m.Contracts {
		t := l.topics[c]
		if t == nil {
			continue
		}
		for _, s := range c.SLA {
			l.level(c, t, s)
		}
	}
}

func (l *linter) level(c *Contract, t *Topic, s SLAProperty) {
	at := "slaProperties." + s.Property
	if !slices.Contains(topicLevels, s.Property) {
		l.add("R15", c.File, at, "promise one of "+strings.Join(topicLevels, ", "), "a topic cannot promise %q", s.Property)
		return
	}
	value := fmt.Sprint(s.Value)
	quantity := strings.TrimSpace(value + " " + s.Unit)
	number, numErr := strconv.ParseFloat(value, 64)
	unit, hasUnit := timeUnits[s.Unit]
	switch s.Property {
	case "latency", "timeToDetect", "timeToNotify", "timeToRepair":
		if numErr != nil || number <= 0 || !hasUnit {
			l.add("R15", c.File, at, "write a number and a unit of time, such as 500 ms", "%q is not a length of time, which is what a stream can promise", quantity)
			return
		}
		_, o := l.m.Offering(c.ID)
		if o == nil || s.Property != "latency" {
			return
		}
		canvas, err := o.Canvas()
		if limit, ok := deliveryLimit[canvas.DeliveryLatency]; err == nil && ok && time.Duration(number*float64(unit)) > limit {
			l.add("R15", c.File, at, "promise less, or correct the canvas", "%s is more than the canvas's delivery latency %s allows", quantity, canvas.DeliveryLatency)
		}
	case "frequency":
		if !slices.Contains(rates, value) {
			l.add("R15", c.File, at, "use one of "+strings.Join(rates, ", "), "%q is not a rate; a topic has no time of day", value)
		}
	case "retention":
		same := value == t.RetentionText
		if numErr == nil && hasUnit {
			same = time.Duration(number*float64(unit)) == t.Retention
		}
		if !same {
			l.add("R15", c.File, at, "make the two the same", "%s, but the topic keeps %s", quantity, t.RetentionText)
		}
	case "availability", "errorRate":
		if numErr != nil || number < 0 || number > 100 || s.Unit != "percent" {
			l.add("R15", c.File, at, "write a number from 0 to 100 and the unit percent", "%q is not a share", quantity)
		}
	}
}

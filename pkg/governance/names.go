package governance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// TopicPattern is the one scheme of topic names; platform topics have mesh in place of ecomm.
const TopicPattern = `^(pub|priv)\.(ecomm|mesh)\.([a-z][a-z0-9]*)\.([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\.(event|state|command|cdc)\.v([1-9][0-9]*)$`

var topicRegexp = regexp.MustCompile(TopicPattern)

// TopicName is a topic's name taken apart.
type TopicName struct {
	Public  bool
	Space   string // ecomm, or mesh for the platform's own
	Context string // bounded context
	Name    string
	Kind    string
	Major   int
}

// ParseTopicName takes a topic's name apart.
func ParseTopicName(text string) (TopicName, error) {
	m := topicRegexp.FindStringSubmatch(text)
	if m == nil {
		return TopicName{}, fmt.Errorf("%q is not a topic name: (pub|priv).ecomm.<context>.<name>.(event|state|command|cdc).v<major>, in lower case", text)
	}
	major, err := strconv.Atoi(m[6])
	if err != nil {
		return TopicName{}, fmt.Errorf("%q: %w", text, err)
	}
	return TopicName{Public: m[1] == "pub", Space: m[2], Context: m[3], Name: m[4], Kind: m[5], Major: major}, nil
}

var durationRegexp = regexp.MustCompile(`^P(?:(\d{1,5})W|(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?)$`)

// ParseRetention reads FE (for ever) and LC (log compaction), both 0, or an ISO 8601 duration of weeks, days,
// hours, minutes and seconds. Months and years are refused because they have no fixed length.
func ParseRetention(text string) (time.Duration, error) {
	if text == "FE" || text == "LC" {
		return 0, nil
	}
	m := durationRegexp.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "T") || text == "P" {
		return 0, fmt.Errorf("%q is not FE, LC or an ISO 8601 duration such as P7D or PT12H", text)
	}
	var d time.Duration
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i+1], 10, 64)
		if err != nil || n > int64(1<<63-1-d)/int64(unit) {
			return 0, fmt.Errorf("%q is too long", text)
		}
		d += time.Duration(n) * unit
	}
	if d == 0 {
		return 0, fmt.Errorf("%q keeps nothing", text)
	}
	return d, nil
}

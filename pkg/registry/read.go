package registry

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// The questions of the API, on a state whose lock is held.

const latest = 0 // the number that stands for the latest version

func parseVersion(text string) (int, error) {
	if text == "latest" || text == "-1" {
		return latest, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, refuse(CodeInvalidVersion, "The specified version '%s' is not a valid version id. "+
			"Allowed values are between [1, 2^31-1] and the string \"latest\"", text)
	}
	return int(n), nil
}

// version finds a version of a subject; softly deleted ones only if deleted is true.
func (st *state) version(name string, number int, deleted bool) (*version, error) {
	versions := st.live(name, deleted)
	if len(versions) == 0 {
		return nil, subjectNotFound(name)
	}
	if number == latest {
		return versions[len(versions)-1], nil
	}
	for _, v := range versions {
		if v.number == number {
			return v, nil
		}
	}
	return nil, versionNotFound(number)
}

// names lists subjects in order. Softly deleted ones are those of which no version is left.
func (st *state) names(prefix string, deleted, deletedOnly bool) []string {
	list := []string{}
	for name, s := range st.subjects {
		gone := !slices.ContainsFunc(s.versions, func(v *version) bool { return !v.deleted })
		if (gone && !deleted && !deletedOnly) || (deletedOnly && !gone) || !inPrefix(name, prefix) {
			continue
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// inPrefix applies a subject prefix; ":*:" stands for all contexts, ":.name:" for one.
func inPrefix(name, prefix string) bool {
	if rest, ok := strings.CutPrefix(prefix, ":*:"); ok {
		_, local := splitContext(name)
		return strings.HasPrefix(local, rest)
	}
	return strings.HasPrefix(name, prefix)
}

// splitContext takes ":.context:subject" apart; a plain subject is of the default context ".".
func splitContext(name string) (context, local string) {
	if rest, ok := strings.CutPrefix(name, ":."); ok {
		if c, local, ok := strings.Cut(rest, ":"); ok {
			return "." + c, local
		}
	}
	return ".", name
}

func (st *state) contexts() []string {
	list := []string{"."}
	for name := range st.subjects {
		c, _ := splitContext(name)
		list = append(list, c)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// uses lists where a schema is registered, by subject and version.
func (st *state) usesOf(id int, prefix string, deleted bool) []subjectVersionBody {
	list := []subjectVersionBody{}
	for _, name := range st.names(prefix, true, false) {
		for _, v := range st.live(name, deleted) {
			if v.id == id {
				list = append(list, subjectVersionBody{name, v.number})
			}
		}
	}
	return list
}

// withMetadata is the newest version of a subject whose metadata has all these properties.
func (st *state) withMetadata(name string, want map[string]string, deleted bool) (*version, error) {
	versions := st.live(name, deleted)
	if len(versions) == 0 {
		return nil, subjectNotFound(name)
	}
	for _, v := range slices.Backward(versions) {
		if matchesMetadata(v.Metadata, want) {
			return v, nil
		}
	}
	return nil, refuse(CodeSchemaNotFound, "Schema not found")
}

// matchesMetadata reports whether the metadata of a schema has all these properties.
func matchesMetadata(metadata json.RawMessage, want map[string]string) bool {
	var m struct {
		Properties map[string]string `json:"properties"`
	}
	if len(metadata) == 0 || json.Unmarshal(metadata, &m) != nil {
		return false
	}
	for k, v := range want {
		if have, ok := m.Properties[k]; !ok || have != v {
			return false
		}
	}
	return true
}

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is the long help of the command.
func (completionCmd) Help() string {
	return `bash: source <(meshwork completion bash)
zsh:  source <(meshwork completion zsh)
fish: meshwork completion fish | source`
}

// word is what can follow a command path.
type word struct{ path, text, help string }

// Run prints the completion script, made from the command line itself.
func (c *completionCmd) Run(a *app) error {
	words := completionWords(a.parser.Model.Node, "", known())
	var err error
	switch c.Shell {
	case "fish":
		_, err = fmt.Fprint(a.out, fishCompletion(words))
	case "zsh":
		_, err = fmt.Fprint(a.out, "autoload -Uz bashcompinit && bashcompinit\n"+bashCompletion(words))
	default:
		_, err = fmt.Fprint(a.out, bashCompletion(words))
	}
	return err
}

// completionWords walks the command tree. Commands that take a data product
// complete the names of those that are known.
func completionWords(n *kong.Node, path string, products []string) []word {
	var out []word
	for _, f := range n.Flags {
		if !f.Hidden {
			out = append(out, word{path, "--" + f.Name, f.Help})
		}
	}
	for _, p := range n.Positional {
		if strings.Contains(strings.ToLower(p.Help), "product") {
			for _, name := range products {
				out = append(out, word{path, name, ""})
			}
		}
		if p.Enum != "" {
			for e := range strings.SplitSeq(p.Enum, ",") {
				out = append(out, word{path, e, ""})
			}
		}
	}
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		out = append(out, word{path, child.Name, child.Help})
		out = append(out, completionWords(child, strings.TrimSpace(path+" "+child.Name), products)...)
	}
	return out
}

func bashCompletion(words []word) string {
	byPath, order := map[string][]string{}, []string{}
	for _, w := range words {
		if byPath[w.path] == nil {
			order = append(order, w.path)
		}
		byPath[w.path] = append(byPath[w.path], w.text)
	}
	var b strings.Builder
	b.WriteString("_meshwork() {\n  local cur path i words\n  cur=\"${COMP_WORDS[COMP_CWORD]}\"; path=\"\"\n" +
		"  for ((i=1; i<COMP_CWORD; i++)); do\n    case \"${COMP_WORDS[i]}\" in -*) ;; *) path=\"${path:+$path }${COMP_WORDS[i]}\" ;; esac\n  done\n  case \"$path\" in\n")
	for _, path := range slices.Backward(order) { // longer paths first
		pattern := `"` + path + `"`
		if path != "" {
			pattern += `|"` + path + ` "*`
		}
		fmt.Fprintf(&b, "    %s) words=%q ;;\n", pattern, strings.Join(byPath[path], " "))
	}
	b.WriteString("    *) words=\"\" ;;\n  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n" +
		"  [[ ${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- \"$cur\"))\n}\ncomplete -F _meshwork meshwork\n")
	return b.String()
}

func fishCompletion(words []word) string {
	var b strings.Builder
	b.WriteString("complete -c meshwork -f\n")
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	for _, w := range words {
		cond := "__fish_use_subcommand"
		if w.path != "" {
			parts := strings.Fields(w.path)
			for i, p := range parts {
				parts[i] = "__fish_seen_subcommand_from " + p
			}
			cond = strings.Join(parts, "; and ")
		}
		arg := "-a '" + quote.Replace(w.text) + "'"
		if flag, ok := strings.CutPrefix(w.text, "--"); ok {
			arg = "-l " + flag
		}
		fmt.Fprintf(&b, "complete -c meshwork -n '%s' %s -d '%s'\n", cond, arg, quote.Replace(w.help))
	}
	return b.String()
}

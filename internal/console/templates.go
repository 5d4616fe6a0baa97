package console

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

//go:embed page
var files embed.FS

// serveAsset serves the style sheet and the script.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	switch name := r.PathValue("name"); name {
	case "console.css", "console.js":
		http.ServeFileFS(w, r, files, "page/"+name)
	default:
		http.NotFound(w, r)
	}
}

type templates struct{ parsed *template.Template }

// execute writes what a template makes, without characters that do not print: none has a
// meaning in HTML, and strangers' texts have them in places that say does not reach.
func (t *templates) execute(w io.Writer, name string, data any) error {
	var b strings.Builder
	if err := t.parsed.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(b.String(), "\ufffd")))
	return err
}

// mostShown is how many letters of a stranger's text are shown where nothing else is said.
const mostShown = 300

// say is a stranger's text, as far as it prints.
func say(text string) string { return shorten(text, mostShown) }

func shorten(text string, n int) string {
	return strings.TrimSpace(readable.Plain(strings.ToValidUTF8(fleet.Clip(text, n), "\ufffd")))
}

// stateWord is a word of a state's name, after which a narrow page may break it.
var stateWord = regexp.MustCompile(`.[^A-Z]*`)

func parseTemplates(now func() time.Time, zone *time.Location) *templates {
	functions := template.FuncMap{
		"say":   say,
		"label": func(text string) string { return shorten(text, 80) },
		"image": func(name string) string { return say(shortImage(name)) },
		"ago":   func(at time.Time) template.HTML { return ago(at, now(), zone) },
		"since": func(at time.Time) template.HTML { return since(at, now(), zone) },
		"until": func(at time.Time) template.HTML { return until(at, now(), zone) },
		"words": func(state string) []string { return stateWord.FindAllString(state, -1) },
		"clock": func(at time.Time) template.HTML { return clock(at, now(), zone) },
		"took":  tookHTML,
		"state": stateOf,
		"html":  func(s string) template.HTML { return template.HTML(s) }, // of a template
		"query": func(pairs ...string) string { return queryOf(pairs) },
		"external": func(address string) string { // "" for what is no web page
			if u, err := url.Parse(address); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
				return address
			}
			return ""
		},
		"add":    func(a, b int) int { return a + b },
		"plural": plural,
		"list":   func(words ...string) []string { return words },
		"tookms": func(ms int64) string { return tookText(&ms) },
	}
	return &templates{template.Must(template.New("").Funcs(functions).ParseFS(files, "page/*.html"))}
}

// queryOf is a query string with those of the pairs that have a value.
func queryOf(pairs []string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// shortImage removes the obvious part of an image's name.
func shortImage(image string) string {
	name, ok := strings.CutPrefix(image, "image:")
	if !ok {
		return image
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
}

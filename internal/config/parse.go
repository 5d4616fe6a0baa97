package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads and checks a configuration file, with keys that win over the file's. What is
// wrong with its content is a *Problems.
func Load(path string, overrides ...Override) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("read configuration: %w; write one with at least the line `github_repo: owner/name` (examples/fleet.yaml shows every key)", err)
	}
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	return Source{Data: data, File: path, Overrides: overrides}.Parse()
}

// Parse checks the content of a configuration file, YAML or JSON, and fills in
// the defaults. Its error is a *Problems with everything that is wrong; file is
// the name that the problems are reported under.
func Parse(data []byte, file string) (Config, error) {
	return Source{Data: data, File: file}.Parse()
}

// document returns the file's one YAML document, nil if it has none. YAML is
// one syntax, so one error in it spoils the whole file.
func (r *review) document(data []byte) ast.Node {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // as editors on Windows write it
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		message := "is not YAML"
		var at yaml.Error
		line := 0
		if errors.As(err, &at) {
			if !githubToken.MatchString(at.GetMessage()) {
				message += ": " + at.GetMessage()
			}
			if token := at.GetToken(); token != nil && token.Position != nil {
				line = token.Position.Line
			}
		}
		r.list = append(r.list, Problem{Line: line, Message: message})
		r.unreadable = append(r.unreadable, "")
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			r.list = append(r.list, Problem{Line: lineOf(doc.Body), Message: "has a second YAML document; put everything into one"})
			break
		}
		body = doc.Body
	}
	return body
}

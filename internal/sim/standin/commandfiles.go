package standin

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// newCommandFiles makes the files through which a step talks to its runner, and
// returns the variables that name them. GITHUB_OUTPUT and GITHUB_STEP_SUMMARY
// are there to be written and have no effect.
func newCommandFiles(dir string, step int) (map[string]string, error) {
	files := map[string]string{}
	for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		files[name] = filepath.Join(dir, fmt.Sprintf("step-%d-%s", step+1, strings.ToLower(name)))
		if err := os.WriteFile(files[name], nil, 0o666); err != nil {
			return nil, fmt.Errorf("make %s: %w", name, err)
		}
	}
	return files, nil
}

// apply gives later steps what a step put into GITHUB_ENV and GITHUB_PATH.
func (r *jobRun) apply(files map[string]string) error {
	content, err := os.ReadFile(files["GITHUB_ENV"])
	if err != nil {
		return fmt.Errorf("read GITHUB_ENV: %w", err)
	}
	variables, err := parseEnv(string(content))
	if err != nil {
		return fmt.Errorf("read GITHUB_ENV: %w", err)
	}
	for name, value := range variables {
		r.env[name] = value
	}
	content, err = os.ReadFile(files["GITHUB_PATH"])
	if err != nil {
		return fmt.Errorf("read GITHUB_PATH: %w", err)
	}
	for _, dir := range strings.Split(string(content), "\n") {
		if dir = strings.TrimSpace(dir); dir != "" {
			r.path = slices.Insert(r.path, 0, dir)
		}
	}
	return nil
}

// parseEnv reads NAME=VALUE lines, and values of several lines between
// NAME<<DELIMITER and DELIMITER.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#environment-files
func parseEnv(content string) (map[string]string, error) {
	variables := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "" {
			continue
		}
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case heredoc > 0 && (equals < 0 || heredoc < equals):
			delimiter := line[heredoc+2:]
			length := slices.Index(lines[i+1:], delimiter)
			if delimiter == "" || length < 0 {
				return nil, fmt.Errorf("line %d: the delimiter %q does not come again", i+1, delimiter)
			}
			variables[line[:heredoc]] = strings.Join(lines[i+1:i+1+length], "\n")
			i += length + 1
		case equals > 0:
			variables[line[:equals]] = line[equals+1:]
		default:
			return nil, fmt.Errorf("line %d is neither NAME=VALUE nor NAME<<DELIMITER", i+1)
		}
	}
	return variables, nil
}

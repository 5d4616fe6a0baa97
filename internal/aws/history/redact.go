package history

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
)

const (
	// tokenKey is the name under which the state machine hands a token to a function.
	tokenKey = "task_token"
	// tokenShown is shown in its place, as in the engine's own history.
	tokenShown = "[task token]"
	// tokenResource ends the names of resources that get a token.
	tokenResource = ".waitForTaskToken"
)

// redaction collects the tokens of a history.
type redaction struct{ tokens []string }

// parameters are a task's parameters without its token. If the token is not found where
// it must be, nothing is shown.
func (r *redaction) parameters(resource, text string) json.RawMessage {
	var parameters any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&parameters) != nil {
		return nil
	}
	before := len(r.tokens)
	r.replace(parameters)
	if strings.HasSuffix(resource, tokenResource) && len(r.tokens) == before {
		return nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(parameters) != nil {
		return nil
	}
	return bytes.TrimSpace(out.Bytes())
}

// replace puts tokenShown in the place of every token below v.
func (r *redaction) replace(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if token, ok := member.(string); ok && key == tokenKey {
				r.tokens = append(r.tokens, token)
				v[key] = tokenShown
				continue
			}
			r.replace(member)
		}
	case []any:
		for _, element := range v {
			r.replace(element)
		}
	}
}

// redact removes the tokens that were found from all parts of an event.
func (r *redaction) redact(e *execution.Event) {
	for _, token := range r.tokens {
		if token == "" {
			continue
		}
		e.Input = bytes.ReplaceAll(e.Input, []byte(token), []byte(tokenShown))
		e.Output = bytes.ReplaceAll(e.Output, []byte(token), []byte(tokenShown))
		e.Error = strings.ReplaceAll(e.Error, token, tokenShown)
		e.Cause = strings.ReplaceAll(e.Cause, token, tokenShown)
	}
}

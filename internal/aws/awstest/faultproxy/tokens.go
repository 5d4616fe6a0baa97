package faultproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"sync"
)

// tokenOf is the token with which a client makes a request repeatable; "" if there is
// none. It does not look into bodies that are not JSON: of the services with tokens,
// all clients here speak JSON.
func tokenOf(body []byte) string {
	var r struct {
		Client      string `json:"clientToken"`        // ECS
		Idempotency string `json:"idempotencyToken"`   // CodeBuild
		Request     string `json:"ClientRequestToken"` // DynamoDB, Secrets Manager
	}
	if json.Unmarshal(body, &r) != nil {
		return ""
	}
	for _, token := range []string{r.Client, r.Idempotency, r.Request} {
		if token != "" {
			return token
		}
	}
	return ""
}

// repeats compares requests that have the same token.
type repeats struct {
	hashes     map[string]string // of the first body
	violations []string
}

func (s *repeats) see(r *Request) {
	token := tokenOf(r.Body)
	if token == "" {
		return
	}
	key := r.Service + ":" + r.Operation + " " + token
	if s.hashes == nil {
		s.hashes = map[string]string{}
	}
	first, repeated := s.hashes[key]
	switch {
	case !repeated:
		s.hashes[key] = r.BodyHash
	case first != r.BodyHash:
		s.violations = append(s.violations, fmt.Sprintf("%s of %s is not what came first with its token", key, r.Client))
	}
}

// TaskTokens gives RunTask its memory of client tokens: the same token and parameters
// get the first answer again, the same token with others a ConflictException that names
// the task. It remembers only requests that started a task, and those for ever.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
func TaskTokens() Rule {
	m := memory{
		started: func(answer []byte) []string {
			var out struct {
				Tasks []struct {
					ARN string `json:"taskArn"`
				} `json:"tasks"`
			}
			_ = json.Unmarshal(answer, &out) // nothing started, then
			var arns []string
			for _, task := range out.Tasks {
				arns = append(arns, task.ARN)
			}
			return arns
		},
		conflict: func(r *Request, arns []string) Answer {
			return r.exception(http.StatusBadRequest, "ConflictException", "The client token was used with other parameters.", map[string]any{"resourceIds": arns})
		},
	}
	return Rule{Name: "task tokens", Match: Match{Service: "ecs", Operation: "RunTask"}, Act: m.act}
}

// BuildTokens gives StartBuild its memory of idempotency tokens. With other
// parameters the token is refused. CodeBuild forgets one after five minutes; this
// does not.
//
// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
func BuildTokens() Rule {
	m := memory{
		started: func(answer []byte) []string {
			var out struct {
				Build struct {
					ID string `json:"id"`
				} `json:"build"`
			}
			_ = json.Unmarshal(answer, &out) // nothing started, then
			if out.Build.ID == "" {
				return nil
			}
			return []string{out.Build.ID}
		},
		conflict: func(r *Request, _ []string) Answer {
			return r.exception(http.StatusBadRequest, "InvalidInputException", "The idempotency token was used with other parameters.", nil)
		},
	}
	return Rule{Name: "build tokens", Match: Match{Service: "codebuild", Operation: "StartBuild"}, Act: m.act}
}

// memory is what a service remembers of the tokens of one operation.
type memory struct {
	started  func(answer []byte) (ids []string)
	conflict func(r *Request, ids []string) Answer

	mu    sync.Mutex // held for the whole of a call: of two at once, one is the first
	calls map[string]remembered
}

type remembered struct {
	parameters map[string]any
	ids        []string
	answer     Answer
}

func (m *memory) act(r *Request, forward func() Answer) Answer {
	token := tokenOf(r.Body)
	var parameters map[string]any
	if token == "" || json.Unmarshal(r.Body, &parameters) != nil {
		return forward()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	first, known := m.calls[token]
	switch {
	case known && reflect.DeepEqual(first.parameters, parameters):
		return first.answer
	case known:
		return m.conflict(r, first.ids)
	}
	answer := forward()
	if ids := m.started(answer.Body); answer.Status == http.StatusOK && !answer.Lost && len(ids) > 0 {
		if m.calls == nil {
			m.calls = map[string]remembered{}
		}
		m.calls[token] = remembered{parameters, ids, answer}
	}
	return answer
}

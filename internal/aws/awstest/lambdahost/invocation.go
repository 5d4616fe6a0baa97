package lambdahost

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// invocation is one call of a function.
type invocation struct {
	id      string
	payload json.RawMessage
	timeout time.Duration
	trace   string

	done chan struct{} // closed when the process has answered and asked for the next

	mu     sync.Mutex
	result *answer
}

type answer struct {
	response json.RawMessage
	failure  *Error // nil if there is a response
}

func newInvocation(payload json.RawMessage, timeout time.Duration) *invocation {
	random := make([]byte, 36)
	_, _ = rand.Read(random) // never fails
	hexed := hex.EncodeToString(random)
	return &invocation{
		id:      fmt.Sprintf("%s-%s-%s-%s-%s", hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:32]),
		payload: payload,
		timeout: timeout,
		trace:   fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=1", time.Now().Unix(), hexed[32:56], hexed[56:72]),
		done:    make(chan struct{}),
	}
}

// answered stores the process's answer; false if there is one already.
func (i *invocation) answered(a answer) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.result != nil {
		return false
	}
	i.result = &a
	return true
}

// answer is the process's answer, or else the failure.
func (i *invocation) answer(otherwise func() *Error) answer {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.result != nil {
		return *i.result
	}
	return answer{failure: otherwise()}
}

func (i *invocation) isAnswered() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.result != nil
}

package lambdahost

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// runtimeAPI serves one process.
type runtimeAPI struct {
	config     Config
	work       <-chan *invocation
	ended      <-chan struct{}
	initFailed chan *Error
	asked      atomic.Bool // for an invocation: its start went well

	mu      sync.Mutex
	current *invocation // nil before the first one, and while the process waits
}

func (a *runtimeAPI) routes() http.Handler {
	const root = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"invocation/next", a.next)
	mux.HandleFunc("POST "+root+"invocation/{id}/response", a.response)
	mux.HandleFunc("POST "+root+"invocation/{id}/error", a.failure)
	mux.HandleFunc("POST "+root+"init/error", a.initError)
	return mux
}

// next ends the previous invocation, and answers when there is another one.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	if !a.finish() {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the invocation before has no answer")
		return
	}
	a.asked.Store(true)
	select {
	case i := <-a.work:
		a.mu.Lock()
		a.current = i
		a.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(i.timeout).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:"+a.config.Name)
		h.Set("Lambda-Runtime-Trace-Id", i.trace)
		_, _ = w.Write(i.payload)
	case <-r.Context().Done():
	case <-a.ended:
	}
}

// finish informs the caller of the current invocation that the process is free; false
// if the process has not answered.
func (a *runtimeAPI) finish() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.current == nil:
		return true
	case !a.current.isAnswered():
		return false
	}
	close(a.current.done)
	a.current = nil
	return true
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	a.answer(w, r, func(body []byte) answer { return answer{response: body} })
}

func (a *runtimeAPI) failure(w http.ResponseWriter, r *http.Request) {
	a.answer(w, r, func(body []byte) answer { return answer{failure: reported(body)} })
}

func (a *runtimeAPI) answer(w http.ResponseWriter, r *http.Request, read func([]byte) answer) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process is gone
	}
	a.mu.Lock()
	current := a.current
	a.mu.Unlock()
	switch id := r.PathValue("id"); {
	case current == nil || current.id != id:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", fmt.Sprintf("the process has no invocation %s", id))
	case !current.answered(read(body)):
		refuse(w, http.StatusForbidden, "InvalidStateTransition", fmt.Sprintf("invocation %s has an answer", id))
	default:
		accept(w)
	}
}

func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	select {
	case a.initFailed <- reported(body):
		accept(w)
	default:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the process has reported an error of its start")
	}
}

func accept(w http.ResponseWriter) {
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}

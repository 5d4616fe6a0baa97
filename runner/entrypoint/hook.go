package entrypoint

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// hookVariable names the script that GitHub's runner runs before any step of a job
// (https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/run-scripts).
const hookVariable = "ACTIONS_RUNNER_HOOK_JOB_STARTED"

const (
	// mostHooks are served at once. There is one hook, before any process of the job.
	mostHooks = 4

	// hookTalk is how long a hook may take to say what it wants, and to print the answer.
	hookTalk = 5 * time.Second

	maxQuestion = 4 << 10

	// longestSocket is how long the path of a socket may be on every system: 103 on macOS,
	// 107 on Linux (unix(7)). longestTemp leaves room for what is added to a directory: a name
	// that MkdirTemp ends with ten digits, and the socket's.
	longestSocket = 103
	longestTemp   = longestSocket - len("/"+hookDir) - 10 - len("/"+hookSocket)

	hookDir    = "ecsrunner-"
	hookSocket = "socket"
)

// hook answers the runner's job-started hook, on a socket that only processes of its user
// reach. The first question makes it ask the fleet, once for all: later ones, such as those of
// a step of the job, get the same answer. The hook's script has the socket's path in it, so
// that no variable of a job can lead the hook elsewhere.
type hook struct {
	dir, script string
	listener    net.Listener
	ask         func(fleet.JobHint) fleet.JobResponse
	places      chan struct{}
	stop        context.CancelFunc

	once     sync.Once
	answered chan struct{} // closed when answer is there
	answer   fleet.JobResponse

	tell    sync.Once
	refused chan struct{} // closed when the runner is to end its job, since the hook has said why
}

// newHook makes the script and the socket. own is the job-started hook of the base image, ""
// if it has none; it runs once the job is not refused.
func (e entrypoint) newHook(ctx context.Context, claimed Claimed, own string) (_ *hook, err error) {
	dir, err := os.MkdirTemp(tempDir(e.Environ), hookDir)
	if err != nil {
		return nil, fmt.Errorf("make a directory for the job-started hook: %w", err)
	}
	h := &hook{
		dir: dir, script: filepath.Join(dir, "job-started.sh"),
		places: make(chan struct{}, mostHooks), answered: make(chan struct{}), refused: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	socket := filepath.Join(dir, hookSocket)
	command := append(append([]string{}, e.Self...), HookCommand, socket)
	if log := claimed.JobLog; own != "" || log != nil {
		command = append(command, own)
		if log != nil {
			command = append(command, encoded(*log))
		}
	}
	if err := writeScript(h.script, "Asks the runner fleet whether its policy admits the job.", command); err != nil {
		return nil, err
	}
	if h.listener, err = net.Listen("unix", socket); err != nil {
		return nil, fmt.Errorf("listen for the job-started hook: %w", err)
	}
	asking, stop := context.WithCancel(ctx)
	h.stop = stop
	h.ask = func(hint fleet.JobHint) fleet.JobResponse {
		return e.claiming().askAboutJob(asking, claimed.nonce, hint)
	}
	go h.serve()
	return h, nil
}

// tempDir is where the script may be: GitHub's runner does not quote its path, and a socket's
// is short.
func tempDir(environ []string) string {
	dir := cmp.Or(variables(environ)["TMPDIR"], "/tmp")
	if len(dir) > longestTemp || strings.ContainsAny(dir, " \t\"'\\") {
		return "/tmp"
	}
	return dir
}

// quoted is a command as a shell reads it.
func quoted(command []string) string {
	var words []string
	for _, word := range command {
		words = append(words, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

func (h *hook) close() {
	h.stop()
	_ = h.listener.Close()
	_ = os.RemoveAll(h.dir)
}

func (h *hook) serve() {
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			return
		}
		select {
		case h.places <- struct{}{}:
			go func() {
				defer func() { <-h.places }()
				defer conn.Close()
				h.handle(conn)
			}()
		default:
			_ = conn.Close()
		}
	}
}

// handle answers one question. A refusal counts once the hook has printed it, or is gone:
// what ends the job ends the hook, too.
func (h *hook) handle(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(hookTalk))
	line, err := bufio.NewReaderSize(conn, maxQuestion).ReadSlice('\n')
	var hint fleet.JobHint
	if err != nil || json.Unmarshal(line, &hint) != nil {
		return
	}
	h.once.Do(func() {
		go func() {
			h.answer = h.ask(hint)
			close(h.answered)
		}()
	})
	<-h.answered
	_ = conn.SetDeadline(time.Now().Add(hookTalk))
	_ = json.NewEncoder(conn).Encode(h.answer)
	if h.answer.Verdict == fleet.Refused {
		_, _ = conn.Read(make([]byte, 1))
		h.tell.Do(func() { close(h.refused) })
	}
}

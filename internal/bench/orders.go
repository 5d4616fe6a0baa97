package bench

// order is a line that the fleet's process writes to the stand-ins.
type order struct {
	Open    *opening `json:"open,omitempty"`
	Queue   int      `json:"queue,omitempty"`   // so many more jobs
	Over    int64    `json:"over,omitempty"`    // nanoseconds over which they are queued
	Hold    bool     `json:"hold,omitempty"`    // jobs that begin go on until Release
	Release bool     `json:"release,omitempty"` // they end, and others do not wait
	Run     *runner  `json:"run,omitempty"`
	Stop    string   `json:"stop,omitempty"` // this runner
	Report  bool     `json:"report,omitempty"`
}

type opening struct {
	Token, Secret, Webhook string
	JobTime                int64 // nanoseconds
}

// runner is one to start, with the environment of its task.
type runner struct {
	ID  string
	Env map[string]string
}

// news is a line that the stand-ins write.
type news struct {
	URL    string `json:"url,omitempty"` // of the simulated GitHub: the first line
	Sent   *sent  `json:"sent,omitempty"`
	Ended  *ended `json:"ended,omitempty"` // a runner
	Report *told  `json:"report,omitempty"`
}

// sent says when GitHub sent the webhook that a job is queued.
type sent struct {
	Job int64
	At  int64 // in nanoseconds since 1970
}

type ended struct {
	ID   string
	Code int
}

// told is what the stand-ins have counted.
type told struct {
	Webhooks int
	Failed   int    // of them, not answered with 2xx
	First    string // failure
	CPU      int64  // nanoseconds that their process has used
}

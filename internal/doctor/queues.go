package doctor

import (
	"context"
	"fmt"
)

// Queue is a queue that is empty while all goes well.
type Queue struct {
	Name     string
	Severity Severity // of one that is not empty
	Has      string   // what is in it, as "events that could not be handled"
	Whose    string
	Do       string
	Command  string
	Depth    func(ctx context.Context) (int, error)
}

func (s *Setup) ofQueue(q Queue) Check {
	return Check{Name: "queue", About: q.Name, Needs: "sqs:GetQueueAttributes", Run: func(ctx context.Context) Result {
		n, err := q.Depth(ctx)
		switch {
		case err != nil:
			return s.unchecked(err, "AWS", "allow sqs:GetQueueAttributes")
		case n > 0:
			return Found(Finding{Severity: q.Severity, What: fmt.Sprintf("%d %s", n, q.Has), Whose: q.Whose, Do: q.Do, Command: q.Command})
		}
		return Healthy("it is empty")
	}}
}

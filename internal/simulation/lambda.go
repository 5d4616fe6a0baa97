package simulation

import (
	"fmt"
	"slices"
	"time"

	lambdafunctions "github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// The faults of Lambda, beside the kernel's that kill at a call.
const (
	lambdaThrottled = "lambda.throttled"
	lambdaApart     = "lambda.clocks_apart"
	lambdaLimit     = "lambda.concurrency"
)

var lambdaKinds = []kernel.Kind{
	{Name: lambdaThrottled, Does: "refuses an invocation of the function as TooManyRequestsException", Source: "https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"},
	{Name: lambdaApart, Does: "sets the clock of an execution environment wrong by up to for", Source: "no two machines have the same time"},
	{Name: lambdaLimit, Does: "lets no more than with invocations run at once", Source: "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: a new account's limit can be 10"},
}

// timeOut is that of a function, as it is deployed.
func timeOut(folder string) time.Duration {
	i := slices.IndexFunc(lambdafunctions.All, func(f lambdafunctions.Function) bool { return f.Folder() == folder })
	return time.Duration(lambdafunctions.All[i].Seconds) * time.Second
}

// accountLimit is how many invocations run at once in an account, unless a fault says
// otherwise: Lambda's default.
const accountLimit = 1000

// lambdas is Lambda: functions with execution environments, each of which serves one
// invocation at a time and is lost when that dies.
type lambdas struct {
	w       *World
	running int
	idle    map[string][]*environment
	made    int
	failed  int // asynchronous invocations that were tried again, or were not any more
	// Invocations counts by function.
	Invocations map[string]int
}

// environment is an execution environment: what a function keeps between invocations.
type environment struct {
	functions
	skew time.Duration
}

// How an invocation ended, in the words that Step Functions has for it; "" is well.
const (
	tooMany  = "Lambda.TooManyRequestsException"
	timedOut = "Sandbox.Timedout"
	exited   = "Runtime.ExitError"
)

// invoke starts an invocation. body runs in the environment, and done is called when it
// has ended, with what went wrong. A request that is refused is done at once.
func (l *lambdas) invoke(name, about string, body func(*environment), done func(failure string)) {
	k := l.w.k
	limit := accountLimit
	if fault, lasts := k.Lasts(lambdaLimit, name); lasts {
		fmt.Sscan(fault.With, &limit)
	}
	if _, strikes := k.Strikes(lambdaThrottled, name); strikes || l.running >= limit {
		if l.running >= limit {
			k.Count(lambdaLimit)
		}
		done(tooMany)
		return
	}
	env := l.environment(name)
	l.running++
	l.Invocations[name]++
	p := &kernel.Process{Name: name + " " + about, Skew: env.skew, Mortal: true}
	over := false
	limiter := k.After(timeOut(name), func() {
		if !over {
			p.Kill(timedOut)
		}
	})
	k.Go(p, func() { body(env) }, func(why string) {
		over = true
		limiter.Stop()
		l.running--
		switch why {
		case "":
			l.idle[name] = append(l.idle[name], env)
			done("")
		case timedOut:
			done(timedOut)
		default:
			done(exited)
		}
	})
}

func (l *lambdas) environment(name string) *environment {
	if n := len(l.idle[name]); n > 0 {
		env := l.idle[name][n-1]
		l.idle[name] = l.idle[name][:n-1]
		return env
	}
	l.made++
	env := &environment{}
	if fault, strikes := l.w.k.Strikes(lambdaApart, name); strikes {
		env.skew = l.w.k.Between(lambdaApart, -fault.For.Duration, fault.For.Duration)
	}
	env.functions = l.w.functions()
	return env
}

// recycle lets every idle environment go, as Lambda does when it likes and a deployment
// always does.
func (l *lambdas) recycle() { l.idle = map[string][]*environment{} }

// await is a synchronous invocation by the process whose turn it is.
func (l *lambdas) await(name, about string, body func(*environment)) (failure string) {
	l.w.k.Await(func(done func()) {
		l.invoke(name, about, body, func(why string) {
			failure = why
			done()
		})
	})
	return failure
}

// async is an asynchronous invocation: if it fails, Lambda tries it again after one and
// two minutes, and then hands it to dead. A throttled invocation waits in Lambda's own
// queue, up to six hours.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (l *lambdas) async(name, about string, retries int, body func(*environment) error, dead func()) {
	began := l.w.k.Now()
	var attempt func(n int, pause time.Duration)
	attempt = func(n int, pause time.Duration) {
		var err error
		l.invoke(name, about, func(env *environment) { err = body(env) }, func(failure string) {
			switch {
			case failure == tooMany && l.w.k.Now().Sub(began) < 6*time.Hour:
				l.w.k.After(pause, func() { attempt(n, min(2*pause, 5*time.Minute)) })
			case failure == "" && err == nil:
				return
			case n < retries && failure != tooMany:
				l.failed++
				l.w.k.Log("%s %s failed and is tried again: %s", name, about, firstOf(failure, err))
				l.w.k.After(time.Duration(n+1)*time.Minute, func() { attempt(n+1, time.Second) })
			default:
				l.failed++
				l.w.k.Log("%s %s failed for good: %s", name, about, firstOf(failure, err))
				if dead != nil {
					dead()
				}
			}
		})
	}
	attempt(0, time.Second)
}

func firstOf(failure string, err error) string {
	if failure != "" {
		return failure
	}
	return fmt.Sprint(err)
}

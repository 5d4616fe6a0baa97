package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
)

// The faults of EventBridge, Step Functions, DynamoDB, SQS, Secrets Manager and the
// schedule.
const (
	eventsLost       = "events.lost"
	eventsDoubled    = "events.doubled"
	eventsLate       = "events.late"
	eventsRefused    = "events.refused"
	statesThrottled  = "states.throttled"
	statesLost       = "states.answer_lost"
	dynamoThrottled  = "dynamo.throttled"
	dynamoLost       = "dynamo.answer_lost"
	dynamoConflicts  = "dynamo.conflicts"
	dynamoHot        = "dynamo.hot_item"
	dynamoLags       = "dynamo.index_lags"
	secretsDown      = "secrets.unavailable"
	stsDown          = "sts.unavailable"
	scheduleSkipped  = "schedule.skipped"
	scheduleDoubled  = "schedule.doubled"
	apiRefuses       = "api.refuses"
	claimAnswerLost  = "api.answer_lost"
	statesHistoryEnd = "states.aborted"
)

var cloudKinds = []kernel.Kind{
	{Name: eventsLost, Does: "loses an event of ECS, CodeBuild or Step Functions", Source: "https://docs.aws.amazon.com/eventbridge/latest/ref/event-delivery-level.html: best effort"},
	{Name: eventsDoubled, Does: "delivers an event twice, the second time up to for later", Source: "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwet_handling.html: at least once"},
	{Name: eventsLate, Does: "delivers an event up to for later, behind younger ones", Source: "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwet_handling.html: unordered"},
	{Name: eventsRefused, Does: "takes no event: FailedEntryCount is 1", Source: "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"},
	{Name: statesThrottled, Does: "answers a call of Step Functions with ThrottlingException", Source: "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"},
	{Name: statesLost, Does: "loses the answer of a call of Step Functions that had its effect", Source: "answers get lost on every network"},
	{Name: statesHistoryEnd, Does: "aborts an execution, as an operator may", Source: "https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"},
	{Name: dynamoThrottled, Does: "answers a call of DynamoDB with a throttle", Source: "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"},
	{Name: dynamoLost, Does: "loses the answer of a write that was done", Source: "answers get lost on every network"},
	{Name: dynamoConflicts, Does: "lets transactions hold their records for up to for, in which others conflict", Source: "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html: TransactionConflict"},
	{Name: dynamoHot, Does: "throttles writes of the capacity record above with a second", Source: "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html: 1,000 write units a second of a partition"},
	{Name: dynamoLags, Does: "lets indexes follow their records for later", Source: "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html: indexes are eventually consistent"},
	{Name: secretsDown, Does: "lets Secrets Manager not answer", Source: "no service is always there"},
	{Name: stsDown, Does: "lets STS not answer, or with status with", Source: "no service is always there"},
	{Name: scheduleSkipped, Does: "leaves a sweep out", Source: "no service is always there"},
	{Name: scheduleDoubled, Does: "starts a sweep twice", Source: "https://docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html: at least once"},
	{Name: apiRefuses, Does: "answers for the API before a function is called, with status with", Source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html, and no service is always there"},
	{Name: claimAnswerLost, Does: "loses the answer to a claim; its subject begins with the answer's status", Source: "answers get lost on every network"},
}

func unanswered(what string) error { return fmt.Errorf("%s: connection reset by peer", what) }

func throttled(what string) error {
	return &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded: " + what, Fault: smithy.FaultClient}
}

// sts is STS as the claim function reaches it.
type sts struct{ w *World }

// RoundTrip is one request of GetCallerIdentity.
func (s sts) RoundTrip(r *http.Request) (response *http.Response, err error) {
	err = s.w.k.Call("sts.get_caller_identity", func() error {
		if fault, strikes := s.w.k.Strikes(stsDown, "sts"); strikes && fault.With == "" {
			return unanswered("sts")
		} else if strikes {
			status, err := strconv.Atoi(fault.With)
			response = simsts.Response(status, simsts.Refusal("ServiceUnavailable"))
			return err
		}
		response, err = s.w.identities.RoundTrip(r)
		return err
	})
	return response, err
}

// tableCall is Store.Call: a call of DynamoDB.
func (w *World) tableCall(operation string, effect func() error) error {
	return w.k.Call(operation, func() error {
		if _, strikes := w.k.Strikes(dynamoThrottled, operation); strikes {
			return fleet.Errorf(fleet.RecordsUnavailable, "%s: throttled", operation)
		}
		err := effect()
		if err != nil {
			return err
		}
		if operation == "dynamo.write" {
			if _, strikes := w.k.Strikes(dynamoLost, operation); strikes {
				return fleet.Errorf(fleet.RecordsUnavailable, "%s: no answer", operation)
			}
		}
		return nil
	})
}

// transaction is how long a transaction holds its records in peace.
const transaction = 3 * time.Millisecond

// busy is Store.Busy: whether another transaction holds the record just now. The
// transaction that asks holds it from now on.
func (w *World) busy(record string) bool {
	now := w.k.Now()
	held := w.held[record].After(now)
	d := transaction
	if fault, lasts := w.k.Lasts(dynamoConflicts, record); lasts {
		d = w.k.Between(dynamoConflicts, transaction, fault.For.Duration)
	}
	if held {
		w.k.Count(dynamoConflicts)
		return true
	}
	w.held[record] = now.Add(d)
	if fault, lasts := w.k.Lasts(dynamoHot, record); lasts && record == "capacity" {
		most := 0
		fmt.Sscan(fault.With, &most)
		if second := now.Truncate(time.Second); w.hotSecond != second {
			w.hotSecond, w.hot = second, 0
		}
		if w.hot++; w.hot > most {
			w.k.Count(dynamoHot)
			return true
		}
	}
	return false
}

// index is Store.Index: indexes follow their records a little later.
func (w *World) index(update func()) {
	d := w.k.Between("index", 5*time.Millisecond, 100*time.Millisecond)
	if fault, strikes := w.k.Strikes(dynamoLags, "dynamo.index"); strikes {
		d = fault.For.Duration
	}
	w.k.After(d, update)
}

// states is Step Functions' API in front of the engine.
type states struct{ w *World }

func (s states) call(operation string, effect func() error) error {
	return s.w.k.Call(operation, func() error {
		if _, strikes := s.w.k.Strikes(statesThrottled, operation); strikes {
			return throttled(operation)
		}
		if err := effect(); err != nil {
			return err
		}
		if _, strikes := s.w.k.Strikes(statesLost, operation); strikes {
			return unanswered(operation)
		}
		return nil
	})
}

// StartExecution starts an execution.
func (s states) StartExecution(ctx context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	err := s.call("states.start_execution", func() error {
		_, err := s.w.engine.Start(context.WithoutCancel(ctx), aws.ToString(in.Name), json.RawMessage(aws.ToString(in.Input)))
		if errors.Is(err, engine.ErrExecutionAlreadyExists) {
			return &sfntypes.ExecutionAlreadyExists{}
		}
		return err
	})
	return &sfn.StartExecutionOutput{}, err
}

// DescribeExecution returns the status of an execution.
func (s states) DescribeExecution(ctx context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options)) (out *sfn.DescribeExecutionOutput, err error) {
	err = s.call("states.describe_execution", func() error {
		arn := aws.ToString(in.ExecutionArn)
		e, err := s.w.engine.Describe(context.WithoutCancel(ctx), arn[strings.LastIndexByte(arn, ':')+1:])
		if errors.Is(err, engine.ErrExecutionDoesNotExist) {
			return &sfntypes.ExecutionDoesNotExist{}
		}
		out = &sfn.DescribeExecutionOutput{Status: sfntypes.ExecutionStatus(e.Status)}
		return err
	})
	return out, err
}

// SendTaskSuccess completes a task.
func (s states) SendTaskSuccess(ctx context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	err := s.call("states.send_task_success", func() error {
		return taskError(s.w.engine.SendTaskSuccess(context.WithoutCancel(ctx), aws.ToString(in.TaskToken), json.RawMessage(aws.ToString(in.Output))))
	})
	return &sfn.SendTaskSuccessOutput{}, err
}

// SendTaskFailure fails a task.
func (s states) SendTaskFailure(ctx context.Context, in *sfn.SendTaskFailureInput, _ ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	err := s.call("states.send_task_failure", func() error {
		return taskError(s.w.engine.SendTaskFailure(context.WithoutCancel(ctx), aws.ToString(in.TaskToken), aws.ToString(in.Error), aws.ToString(in.Cause)))
	})
	return &sfn.SendTaskFailureOutput{}, err
}

// SendTaskHeartbeat lets a task go on.
func (s states) SendTaskHeartbeat(ctx context.Context, in *sfn.SendTaskHeartbeatInput, _ ...func(*sfn.Options)) (*sfn.SendTaskHeartbeatOutput, error) {
	err := s.call("states.send_task_heartbeat", func() error {
		return taskError(s.w.engine.SendTaskHeartbeat(context.WithoutCancel(ctx), aws.ToString(in.TaskToken)))
	})
	return &sfn.SendTaskHeartbeatOutput{}, err
}

func taskError(err error) error {
	switch {
	case errors.Is(err, engine.ErrTaskTimedOut):
		return &sfntypes.TaskTimedOut{}
	case errors.Is(err, engine.ErrTaskDoesNotExist):
		return &sfntypes.TaskDoesNotExist{}
	}
	return err
}

// bus is EventBridge: the fleet's own bus, and with it the default bus.
type bus struct{ w *World }

// PutEvents takes events.
func (b bus) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (out *eventbridge.PutEventsOutput, err error) {
	err = b.w.k.Call("events.put_events", func() error {
		out = &eventbridge.PutEventsOutput{}
		for _, entry := range in.Entries {
			if _, strikes := b.w.k.Strikes(eventsRefused, aws.ToString(entry.DetailType)); strikes {
				out.FailedEntryCount++
				out.Entries = append(out.Entries, ebtypes.PutEventsResultEntry{ErrorCode: aws.String("ThrottlingException")})
				continue
			}
			id := b.w.id("event")
			out.Entries = append(out.Entries, ebtypes.PutEventsResultEntry{EventId: aws.String(id)})
			b.deliver(events.EventBridgeEvent{
				ID: id, Source: aws.ToString(entry.Source), DetailType: aws.ToString(entry.DetailType),
				Time: aws.ToTime(entry.Time), Detail: json.RawMessage(aws.ToString(entry.Detail)),
			})
		}
		return nil
	})
	return out, err
}

// matched delivers an event of ECS or CodeBuild if a rule of the fleet matches it.
func (b bus) matched(e simaws.Event) {
	if e.DetailType == fleet.TaskEvent && !slices.Contains(deployment.TaskStatuses, e.LastStatus) {
		return
	}
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		panic(err)
	}
	b.happened(events.EventBridgeEvent{ID: e.ID, Source: e.Source, DetailType: e.DetailType, Time: e.Time, Detail: detail})
}

// happened takes an event of an AWS service that a rule matches. AWS's services deliver
// them on a best-effort basis.
func (b bus) happened(e events.EventBridgeEvent) {
	if _, strikes := b.w.k.Strikes(eventsLost, e.Source); strikes {
		return
	}
	b.deliver(e)
}

// deliver hands an event to dispatch, at least once and in no order.
func (b bus) deliver(e events.EventBridgeEvent) {
	if e.DetailType == fleet.RunnerStatusEvent {
		return // for other listeners: no rule of the fleet matches it
	}
	k := b.w.k
	d := k.Between("events", 20*time.Millisecond, 400*time.Millisecond)
	if fault, strikes := k.Strikes(eventsLate, e.Source); strikes {
		d += k.Between(eventsLate, 0, fault.For.Duration)
	}
	k.After(d, func() { b.w.dispatchEvent(e) })
	if fault, strikes := k.Strikes(eventsDoubled, e.Source); strikes {
		k.After(d+k.Between(eventsDoubled, 0, fault.For.Duration), func() { b.w.dispatchEvent(e) })
	}
}

// deadLetters is the queue of events that dispatch could not handle.
type deadLetters struct {
	w        *World
	messages []*message
	received int
}

type message struct {
	id      string
	body    string
	hidden  time.Time
	deleted bool
}

// hiddenFor is the queue's visibility time-out.
const hiddenFor = 5 * time.Minute

func (d *deadLetters) add(body string) {
	d.messages = append(d.messages, &message{id: d.w.id("message"), body: body})
}

// ReceiveMessage returns messages that no other reader has.
func (d *deadLetters) ReceiveMessage(_ context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (out *sqs.ReceiveMessageOutput, err error) {
	err = d.w.k.Call("sqs.receive_message", func() error {
		out = &sqs.ReceiveMessageOutput{}
		for _, m := range d.messages {
			if m.deleted || m.hidden.After(d.w.k.Now()) || len(out.Messages) == int(in.MaxNumberOfMessages) {
				continue
			}
			m.hidden = d.w.k.Now().Add(hiddenFor)
			d.received++
			out.Messages = append(out.Messages, sqstypes.Message{MessageId: aws.String(m.id), ReceiptHandle: aws.String(m.id), Body: aws.String(m.body)})
		}
		return nil
	})
	return out, err
}

// DeleteMessage deletes a message.
func (d *deadLetters) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	err := d.w.k.Call("sqs.delete_message", func() error {
		for _, m := range d.messages {
			if m.id == aws.ToString(in.ReceiptHandle) {
				m.deleted = true
			}
		}
		return nil
	})
	return &sqs.DeleteMessageOutput{}, err
}

// left counts what is in the queue.
func (d *deadLetters) left() (n int) {
	for _, m := range d.messages {
		if !m.deleted {
			n++
		}
	}
	return n
}

// secretStore is Secrets Manager, with the token and the webhook's secret.
type secretStore struct {
	w        *World
	current  map[string]string
	previous map[string]string
	replaced map[string]time.Time
}

func (v *secretStore) put(id, value string) {
	if was, known := v.current[id]; known {
		v.previous[id] = was
	}
	v.current[id], v.replaced[id] = value, v.w.k.Now()
}

// GetSecretValue reads a version of a secret.
func (v *secretStore) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (out *secretsmanager.GetSecretValueOutput, err error) {
	err = v.w.k.Call("secrets.get_secret_value", func() error {
		if _, strikes := v.w.k.Strikes(secretsDown, aws.ToString(in.SecretId)); strikes {
			return unanswered("secrets.get_secret_value")
		}
		from := v.current
		if aws.ToString(in.VersionStage) == "AWSPREVIOUS" {
			from = v.previous
		}
		value, known := from[aws.ToString(in.SecretId)]
		if !known {
			return &smtypes.ResourceNotFoundException{}
		}
		out = &secretsmanager.GetSecretValueOutput{SecretString: aws.String(value), CreatedDate: aws.Time(v.replaced[aws.ToString(in.SecretId)])}
		return nil
	})
	return out, err
}

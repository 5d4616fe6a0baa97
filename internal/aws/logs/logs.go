// Package logs reads what a runner's task wrote, from CloudWatch Logs.
//
// A stream that has been read to its end answers with the token of the request, and
// with no lines. An empty answer with a new token says nothing: there are empty pages
// in the middle.
package logs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// client is the part of CloudWatch Logs' API that reading a stream needs.
type client interface {
	GetLogEvents(context.Context, *cloudwatchlogs.GetLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error)
}

// StreamOf is the stream of a task, by its ARN.
func StreamOf(taskARN string) string {
	return ecsfleet.LogPrefix + "/" + fleet.RunnerContainer + "/" + taskARN[strings.LastIndex(taskARN, "/")+1:]
}

// Stream is one log stream, read from its beginning on.
type Stream struct {
	Logs  client
	Group string
	Name  string

	next *string
}

// Read hands on the lines that are new since the last call, and returns their number.
// It fails with NoStream while there is no stream, or no longer, and otherwise as
// awserr.CallError says; the lines before the error were handed on.
func (s *Stream) Read(ctx context.Context, line func(string) error) (lines int, err error) {
	for {
		out, err := s.Logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &s.Group, LogStreamName: &s.Name, NextToken: s.next, StartFromHead: aws.Bool(true),
		})
		if isMissing(err) {
			return lines, NoStream{s.Group, s.Name}
		}
		if err != nil {
			return lines, awserr.CallError(err, "read log stream %s of %s", s.Name, s.Group)
		}
		for _, event := range out.Events {
			lines++
			if err := line(strings.TrimRight(aws.ToString(event.Message), "\r\n")); err != nil {
				return lines, err
			}
		}
		ended := out.NextForwardToken == nil || s.next != nil && *s.next == *out.NextForwardToken
		if out.NextForwardToken != nil {
			s.next = out.NextForwardToken
		}
		if ended {
			return lines, nil
		}
	}
}

// Last reads the last lines of a stream, at most so many.
func Last(ctx context.Context, logs client, group, name string, most int) (lines []string, err error) {
	out, err := logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: &group, LogStreamName: &name, StartFromHead: aws.Bool(false), Limit: aws.Int32(int32(most)),
	})
	if isMissing(err) {
		return nil, NoStream{group, name}
	}
	if err != nil {
		return nil, awserr.CallError(err, "read the end of log stream %s of %s", name, group)
	}
	for _, event := range out.Events {
		lines = append(lines, strings.TrimRight(aws.ToString(event.Message), "\r\n"))
	}
	return lines, nil
}

// NoStream says that the group has no such stream, or that there is no such group. ECS
// makes a stream when the container starts; the group's retention deletes its lines.
type NoStream struct{ Group, Name string }

func (e NoStream) Error() string {
	return fmt.Sprintf("log group %s has no stream %s", e.Group, e.Name)
}

func isMissing(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing)
}

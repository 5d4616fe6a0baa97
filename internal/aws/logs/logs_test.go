package logs

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// stream is CloudWatch Logs with one stream, in pages; the last page's token leads
// to itself.
type stream struct {
	pages [][]string
	calls int
	err   error
}

func (s *stream) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error) {
	s.calls++
	if s.err != nil {
		return nil, s.err
	}
	if aws.ToString(in.LogGroupName) != "/ecsrunner/ci/runners" || aws.ToString(in.LogStreamName) != "runner/runner/0a1b" || !aws.ToBool(in.StartFromHead) {
		return nil, errors.New("another stream is asked for, or from its end")
	}
	at, _ := strconv.Atoi(aws.ToString(in.NextToken))
	out := &cloudwatchlogs.GetLogEventsOutput{NextForwardToken: aws.String(strconv.Itoa(min(at+1, len(s.pages))))}
	if at < len(s.pages) {
		for _, message := range s.pages[at] {
			out.Events = append(out.Events, types.OutputLogEvent{Message: aws.String(message)})
		}
	}
	return out, nil
}

func open(s *stream) *Stream {
	return &Stream{Logs: s, Group: "/ecsrunner/ci/runners", Name: StreamOf("arn:aws:ecs:us-east-1:123456789012:task/ci/0a1b")}
}

func TestReadGoesOnWhereItWas(t *testing.T) {
	there := &stream{pages: [][]string{{"one", "two\r\n"}, {}, {"three"}}}
	reader := open(there)
	var got []string
	keep := func(line string) error { got = append(got, line); return nil }

	n, err := reader.Read(t.Context(), keep)
	if want := []string{"one", "two", "three"}; n != 3 || err != nil || !slices.Equal(got, want) {
		t.Fatalf("%d lines %q, %v; want %q: an empty page is not the end", n, got, err, want)
	}
	if n, err := reader.Read(t.Context(), keep); n != 0 || err != nil {
		t.Fatalf("%d lines, %v; want none twice", n, err)
	}
	there.pages = append(there.pages, []string{"four"})
	if n, err := reader.Read(t.Context(), keep); n != 1 || err != nil || got[3] != "four" {
		t.Fatalf("%d lines, %q, %v; want what is new", n, got, err)
	}
}

func TestReadOfNothing(t *testing.T) {
	reader := open(&stream{err: &types.ResourceNotFoundException{}})
	_, err := reader.Read(t.Context(), nil)
	if !errors.As(err, new(NoStream)) || err.Error() != "log group /ecsrunner/ci/runners has no stream runner/runner/0a1b" {
		t.Errorf("without a stream: %v", err)
	}
	reader.Logs = &stream{err: errors.New("denied")}
	if _, err := reader.Read(t.Context(), nil); err == nil || err.Error() == "denied" {
		t.Errorf("the error does not say what was read: %v", err)
	}
}

func TestReadStopsWhenNobodyTakesALine(t *testing.T) {
	there := &stream{pages: [][]string{{"one", "two"}, {"three"}}}
	closed := errors.New("closed")
	if n, err := open(there).Read(t.Context(), func(string) error { return closed }); n != 1 || !errors.Is(err, closed) || there.calls != 1 {
		t.Errorf("%d lines in %d calls, %v", n, there.calls, err)
	}
}

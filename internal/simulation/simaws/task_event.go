package simaws

import (
	"strconv"
	"time"
)

// Event is one of the default bus, in EventBridge's envelope
// (https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html). It marshals
// to EventBridge's JSON.
type Event struct {
	Version    string    `json:"version"`
	ID         string    `json:"id"`
	DetailType string    `json:"detail-type"`
	Source     string    `json:"source"`
	Account    string    `json:"account"`
	Time       time.Time `json:"time"` // in whole seconds
	Region     string    `json:"region"`
	Resources  []string  `json:"resources"`
	Detail     any       `json:"detail"` // a pointer to a struct

	// LastStatus is the detail's, if that is a task's.
	LastStatus string `json:"-"`
}

func (c Config) event(id, source, detailType, resource string, now time.Time, detail any) Event {
	return Event{
		Version: "0", ID: id, DetailType: detailType, Source: source, Account: c.Account, Time: now.Truncate(time.Second),
		Region: c.Region, Resources: []string{resource}, Detail: detail,
	}
}

// taskDetail is the detail of a task state change event: like a task of
// DescribeTasks, with times as texts, and without tags
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html).
type taskDetail struct {
	Attachments        []attachmentDetail `json:"attachments"`
	CapacityProvider   string             `json:"capacityProviderName"`
	ClusterARN         string             `json:"clusterArn"`
	Connectivity       string             `json:"connectivity"`
	Containers         []containerDetail  `json:"containers"`
	CPU                string             `json:"cpu"`
	CreatedAt          string             `json:"createdAt"`
	DesiredStatus      string             `json:"desiredStatus"`
	ExecuteCommand     bool               `json:"enableExecuteCommand"`
	ExecutionStoppedAt string             `json:"executionStoppedAt,omitempty"`
	Group              string             `json:"group"`
	LastStatus         string             `json:"lastStatus"`
	LaunchType         string             `json:"launchType"`
	Memory             string             `json:"memory"`
	Overrides          overridesDetail    `json:"overrides"`
	PlatformVersion    string             `json:"platformVersion"`
	PullStartedAt      string             `json:"pullStartedAt,omitempty"`
	PullStoppedAt      string             `json:"pullStoppedAt,omitempty"`
	StartedAt          string             `json:"startedAt,omitempty"`
	StartedBy          string             `json:"startedBy,omitempty"`
	StopCode           string             `json:"stopCode,omitempty"`
	StoppedAt          string             `json:"stoppedAt,omitempty"`
	StoppedReason      string             `json:"stoppedReason,omitempty"`
	StoppingAt         string             `json:"stoppingAt,omitempty"`
	TaskARN            string             `json:"taskArn"`
	TaskDefinitionARN  string             `json:"taskDefinitionArn"`
	UpdatedAt          string             `json:"updatedAt"`
	Version            int64              `json:"version"`
}

// attachmentDetail is the task's network interface.
type attachmentDetail struct {
	ID      string       `json:"id"`
	Type    string       `json:"type"`
	Status  string       `json:"status"`
	Details []pairDetail `json:"details"`
}

type containerDetail struct {
	ARN        string `json:"containerArn"`
	Name       string `json:"name"`
	Image      string `json:"image"`
	LastStatus string `json:"lastStatus"`
	ExitCode   *int   `json:"exitCode,omitempty"`
	Reason     string `json:"reason,omitempty"`
	TaskARN    string `json:"taskArn"`
	CPU        string `json:"cpu"`
}

// overridesDetail repeats the environment: all who read events can read it.
type overridesDetail struct {
	Containers []overrideDetail `json:"containerOverrides"`
	CPU        string           `json:"cpu,omitempty"`
	Memory     string           `json:"memory,omitempty"`
}

type overrideDetail struct {
	Name        string       `json:"name"`
	Environment []pairDetail `json:"environment,omitempty"`
}

type pairDetail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (e *ECS) event(t *task) Event {
	now := e.k.Now()
	detail := taskDetail{
		Attachments:      []attachmentDetail{{ID: t.id, Type: "eni", Status: t.interfaceStatus(), Details: []pairDetail{{"subnetId", t.subnet}}}},
		CapacityProvider: t.provider, ClusterARN: e.cfg.ClusterARN(), Connectivity: "CONNECTED",
		CPU: strconv.Itoa(t.cpu), Memory: strconv.Itoa(t.memory), CreatedAt: stamp(t.created),
		DesiredStatus: t.desired, LastStatus: t.last, LaunchType: onDemand, PlatformVersion: "1.4.0", Group: "family:" + t.definition.family,
		PullStartedAt: stamp(t.pullStarted), PullStoppedAt: stamp(t.pullStopped), StartedAt: stamp(t.started),
		ExecutionStoppedAt: stamp(t.ended), StoppingAt: stamp(t.stoppingSince), StoppedAt: stamp(t.stoppedAt),
		StartedBy: t.startedBy, StopCode: t.stopCode, StoppedReason: t.reason,
		TaskARN: t.arn, TaskDefinitionARN: t.definition.arn, UpdatedAt: stamp(now), Version: t.version, Overrides: t.overridesDetail(),
	}
	if t.lost {
		detail.Connectivity = "DISCONNECTED"
	}
	for _, c := range t.containers() {
		detail.Containers = append(detail.Containers, containerDetail{
			ARN: e.cfg.arn("ecs", "container/"+e.cfg.Cluster+"/"+t.id+"/"+c.name), Name: c.name, Image: c.image,
			LastStatus: c.status, ExitCode: c.exit, Reason: c.reason, TaskARN: t.arn, CPU: "0",
		})
	}
	event := e.cfg.event(e.eventIDs.uuid(), "aws.ecs", "ECS Task State Change", t.arn, now, &detail)
	event.LastStatus = t.last
	return event
}

// interfaceStatus is that of the network interface, in the words of the API
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Attachment.html).
func (t *task) interfaceStatus() string {
	switch {
	case t.last == stopped:
		return "DELETED"
	case t.started.IsZero():
		return "PRECREATED"
	}
	return "ATTACHED"
}

func (t *task) overridesDetail() overridesDetail {
	out := overridesDetail{Containers: []overrideDetail{}}
	if t.overrides == nil {
		return out
	}
	out.CPU, out.Memory = deref(t.overrides.Cpu), deref(t.overrides.Memory)
	for _, o := range t.overrides.ContainerOverrides {
		one := overrideDetail{Name: deref(o.Name)}
		for _, pair := range o.Environment {
			one.Environment = append(one.Environment, pairDetail{deref(pair.Name), deref(pair.Value)})
		}
		out.Containers = append(out.Containers, one)
	}
	return out
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// stamp is a time as ECS writes it, "" if it has not come.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02T15:04:05.999Z07:00")
}

package fleet

import (
	"regexp"
	"strings"
	"time"
)

// TaskDefinition is the content of an ECS task definition. Definitions with the same
// content have the same family, so each content is registered once and found by name.
type TaskDefinition struct {
	FleetName string `json:"fleet_name"`
	Image     string `json:"image"` // repository@digest
	Arch      Arch   `json:"arch"`
}

// Family names the definition by its content.
func (d TaskDefinition) Family() string {
	return d.FleetName + "-" + contentHash(d.FleetName, d.Image, string(d.Arch))
}

// RegisteredDefinition is one task definition as the platform keeps it.
type RegisteredDefinition struct {
	ARN    string
	Family string
	Active bool // if false it is deregistered: it starts no new tasks, and can be deleted
	// RegisteredAt and DeregisteredAt are zero if the platform does not say;
	// DeregisteredAt is also zero while the definition is active.
	RegisteredAt   time.Time
	DeregisteredAt time.Time
}

var familyHash = regexp.MustCompile(`^[0-9a-f]{32}$`)

// OwnsFamily reports whether a family of task definitions belongs to this fleet, and not
// to another fleet whose name begins in the same way.
func OwnsFamily(fleetName, family string) bool {
	hash, ok := strings.CutPrefix(family, fleetName+"-")
	return ok && familyHash.MatchString(hash)
}

// DefinitionFamily is the family in the ARN of a task definition, "" if there is none.
func DefinitionFamily(arn string) string {
	family, _, _ := strings.Cut(arn[strings.LastIndex(arn, "/")+1:], ":")
	return family
}

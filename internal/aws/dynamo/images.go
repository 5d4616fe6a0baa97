package dynamo

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// image is the record of an image that was built.
type image struct {
	Digest  string    `json:"digest"`
	BuiltAt time.Time `json:"built_at"`
}

// Image returns the digest of a built image.
func (s *Store) Image(ctx context.Context, tag string) (digest string, ok bool, err error) {
	built, ok, err := one[image](ctx, s, imageKey(tag), consistent)
	return built.Digest, ok, err
}

// PutImage records a built image.
func (s *Store) PutImage(ctx context.Context, tag, digest string, at time.Time) error {
	return s.replace(ctx, imageKey(tag), image{Digest: digest, BuiltAt: at.UTC()})
}

// replace writes a record whatever is there.
func (s *Store) replace(ctx context.Context, k key, record any) error {
	i, err := encode(k, record)
	if err != nil {
		return err
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: i})
	return named(err, "write %s", k)
}

// Attributes of a build's lock. Those who wait are a set in the same item, and not
// records of their own: a build and its waiters then begin and end in one request,
// and nobody can join one that has just ended. At 50 bytes a runner the item would
// be full (400 KB) with some 8000 waiters for one image.
const (
	attrOwner      = "build_owner"
	attrLeaseMS    = "lease_ms"
	attrLeaseUntil = "lease_until" // Unix time, in milliseconds
	attrWaiters    = "waiters"
)

const (
	ownBuild = "SET #owner = :me, #lease = :lease, #until = :until ADD #waiters :set"
	// Nobody owns it, or the runner did before, or the owner's lease ran out.
	mayOwn    = "attribute_not_exists(#owner) OR #owner = :me OR #until < :now"
	waitFor   = "ADD #waiters :set"
	mustWait  = "attribute_exists(#owner) AND #owner <> :me AND #until >= :now"
	joinTries = 5
)

// JoinBuild notes that a runner waits for an image. It owns the build if nobody
// does, if it did before, or if the owner's lease ran out. It fails with
// Records.Conflict only if the build ends and begins again all the while.
func (s *Store) JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner bool, err error) {
	me := item{":me": text(runnerID), ":set": &types.AttributeValueMemberSS{Value: []string{runnerID}}, ":now": number(now.UnixMilli())}
	own := item{":lease": number(lease.Milliseconds()), ":until": number(now.Add(lease).UnixMilli())}
	for name, value := range me {
		own[name] = value
	}
	for range joinTries {
		err = s.updateBuild(ctx, tag, ownBuild, mayOwn, own, map[string]string{"#owner": attrOwner, "#until": attrLeaseUntil, "#waiters": attrWaiters, "#lease": attrLeaseMS})
		if !failedCondition(err) {
			return err == nil, named(err, "join the build of %s", tag)
		}
		err = s.updateBuild(ctx, tag, waitFor, mustWait, me, map[string]string{"#owner": attrOwner, "#until": attrLeaseUntil, "#waiters": attrWaiters})
		if !failedCondition(err) {
			return false, named(err, "join the build of %s", tag)
		}
	}
	return false, named(err, "join the build of %s", tag)
}

func (s *Store) updateBuild(ctx context.Context, tag, update, condition string, values item, names map[string]string) error {
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: buildKey(tag).attributes(),
		UpdateExpression: &update, ConditionExpression: &condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	return err
}

// RenewBuild extends the lease of the build's owner from now on.
func (s *Store) RenewBuild(ctx context.Context, tag string, at time.Time) error {
	err := s.updateBuild(ctx, tag, "SET #until = #lease + :at", "attribute_exists(#lease)",
		item{":at": number(at.UnixMilli())}, map[string]string{"#until": attrLeaseUntil, "#lease": attrLeaseMS})
	if failedCondition(err) {
		return nil // nobody owns it
	}
	return named(err, "renew the build of %s", tag)
}

// Waiters lists the runners that joined a build.
func (s *Store) Waiters(ctx context.Context, tag string) ([]string, error) {
	build, err := s.get(ctx, buildKey(tag), consistent)
	if err != nil {
		return nil, err
	}
	set, ok := build[attrWaiters].(*types.AttributeValueMemberSS)
	if !ok {
		return nil, nil
	}
	return slices.Sorted(slices.Values(set.Value)), nil
}

// EndBuild gives up the lock on a build and forgets its waiters.
func (s *Store) EndBuild(ctx context.Context, tag string) error {
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: buildKey(tag).attributes()})
	return named(err, "end the build of %s", tag)
}

package dynamo

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Image returns the record of an image.
func (s *Store) Image(ctx context.Context, tag string) (fleet.ImageRecord, bool, error) {
	return one[fleet.ImageRecord](ctx, s, imageKey(tag), consistent)
}

// PutImage writes an image's record over the version that was read; version 0 makes it.
// It fails with Records.Conflict if another writer was first.
func (s *Store) PutImage(ctx context.Context, record fleet.ImageRecord) error {
	was := record.Version
	record.Version++
	i, err := encode(imageKey(record.Tag), record)
	if err != nil {
		return err
	}
	i[attrVersion] = number(record.Version)
	i[attrSince] = since(record.BuiltAt, record.Tag)
	i[indexNewest] = text(listImage)
	put := &dynamodb.PutItemInput{TableName: &s.table, Item: i, ConditionExpression: aws.String("attribute_not_exists(version)")}
	if was != 0 {
		put.ConditionExpression, put.ExpressionAttributeValues = aws.String("version = :was"), item{":was": number(was)}
	}
	_, err = s.client.PutItem(ctx, put)
	if failedCondition(err) {
		return fleet.Errorf(fleet.RecordsConflict, "image %s is not at version %d any more", record.Tag, was)
	}
	return named(err, "write %s", imageKey(record.Tag))
}

// Images lists the images, the last built first. One that was made some milliseconds
// ago may be missing.
func (s *Store) Images(ctx context.Context) ([]fleet.ImageRecord, error) {
	return listed(ctx, s, question[fleet.ImageRecord]{index: indexNewest, of: listImage, newestFirst: true, limit: math.MaxInt})
}

// DeleteImage deletes the record of an image. An unknown image is no error.
func (s *Store) DeleteImage(ctx context.Context, tag string) error {
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: imageKey(tag).attributes()})
	return named(err, "delete %s", imageKey(tag))
}

// replace writes a record over any version.
func (s *Store) replace(ctx context.Context, k key, record any) error {
	i, err := encode(k, record)
	if err != nil {
		return err
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: i})
	return named(err, "write %s", k)
}

// Attributes of a build's lock. Its waiters are a set in the same item, and not records
// of their own: a build and its waiters then begin and end in one request, and no
// runner can join a build that has just ended. At 50 bytes a runner the item would be
// full (400 KB) with some 8000 waiters for one image.
const (
	attrOwner   = "build_owner" // a fleet.BuildOwner
	attrWaiters = "waiters"
	attrUntil   = "lease_until" // in milliseconds of Unix time, as lease_ms beside it
)

const (
	own    = "SET build_owner = :owner, lease_ms = :lease, lease_until = :until ADD waiters :me"
	wait   = "ADD waiters :me"
	extend = "SET lease_ms = :lease, lease_until = :until ADD waiters :me"

	// The build has no owner, the owner's lease ran out, or the runner owns it by the
	// name that owners had in the previous release.
	mayOwn   = "attribute_not_exists(build_owner) OR lease_until < :now OR build_owner = :id"
	mustWait = "attribute_exists(build_owner) AND lease_until >= :now AND NOT begins_with(build_owner, :mine)"
	ownsIt   = "lease_until >= :now AND begins_with(build_owner, :mine)"

	joinTries = 5
)

// JoinBuild notes that a runner waits for an image. If the build has no owner, or the
// owner's lease ran out, the runner becomes the owner, and owner is its
// fleet.BuildOwner. The same runner gets the same owner when it joins again; any other
// runner gets "". JoinBuild fails with Records.Conflict only if the build keeps ending
// and beginning again.
func (s *Store) JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error) {
	me := &types.AttributeValueMemberSS{Value: []string{runnerID}}
	at, until, length := number(now.UnixMilli()), number(now.Add(lease).UnixMilli()), number(lease.Milliseconds())
	name, mine := text(fleet.BuildOwner(runnerID, now)), text(fleet.BuildOwnerPrefix(runnerID))
	ways := []struct {
		update, condition string
		values            item
	}{
		{own, mayOwn, item{":me": me, ":now": at, ":owner": name, ":id": text(runnerID), ":lease": length, ":until": until}},
		{wait, mustWait, item{":me": me, ":now": at, ":mine": mine}},
		{extend, ownsIt, item{":me": me, ":now": at, ":mine": mine, ":lease": length, ":until": until}},
	}
	for range joinTries {
		for _, way := range ways {
			var build item
			build, err = s.updateBuild(ctx, tag, way.update, way.condition, way.values)
			switch {
			case failedCondition(err):
				continue
			case err != nil:
				return "", named(err, "join the build of %s", tag)
			case way.update == wait:
				return "", nil
			}
			return textOf(build, attrOwner), nil
		}
	}
	return "", named(err, "join the build of %s", tag)
}

// updateBuild returns the lock as it is after the update.
func (s *Store) updateBuild(ctx context.Context, tag, update, condition string, values item) (item, error) {
	out, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: buildKey(tag).attributes(), ReturnValues: types.ReturnValueAllNew,
		UpdateExpression: &update, ConditionExpression: &condition, ExpressionAttributeValues: values,
	})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// RenewBuild extends an owner's lease from now on, if it still owns the build.
func (s *Store) RenewBuild(ctx context.Context, tag, owner string, at time.Time) error {
	_, err := s.updateBuild(ctx, tag, "SET lease_until = lease_ms + :at", "build_owner = :owner", item{":at": number(at.UnixMilli()), ":owner": text(owner)})
	if failedCondition(err) {
		return nil
	}
	return named(err, "renew the build of %s", tag)
}

// BuildLock is the lock on an image's build, as it is now.
func (s *Store) BuildLock(ctx context.Context, tag string) (fleet.BuildLock, error) {
	build, err := s.get(ctx, buildKey(tag), consistent)
	if err != nil || build == nil {
		return fleet.BuildLock{}, err
	}
	lock := fleet.BuildLock{Owner: textOf(build, attrOwner), Until: time.UnixMilli(numberOf(build, attrUntil)).UTC()}
	if set, ok := build[attrWaiters].(*types.AttributeValueMemberSS); ok {
		lock.Waiters = slices.Sorted(slices.Values(set.Value))
	}
	return lock, nil
}

// EndBuild gives up an owner's lock on a build and deletes the list of its waiters.
// Another owner's lock stays.
func (s *Store) EndBuild(ctx context.Context, tag, owner string) error {
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &s.table, Key: buildKey(tag).attributes(),
		ConditionExpression: aws.String("build_owner = :owner"), ExpressionAttributeValues: item{":owner": text(owner)},
	})
	if failedCondition(err) {
		return nil
	}
	return named(err, "end the build of %s", tag)
}

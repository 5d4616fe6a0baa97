package fleet

// FailedEvent is an event that dispatch could not handle, or did not get, and
// Receipt is what its queue forgets it by.
type FailedEvent struct {
	Receipt string
	Event   Event
}

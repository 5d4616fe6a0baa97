package deployment

import "time"

// Retention is how long records are kept after their end: as long as Step Functions
// keeps an execution's history.
const Retention = 90 * 24 * time.Hour

package dynamotest

import "strings"

// Sizes of units, in bytes
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html).
const (
	readBlock  = 4096
	writeBlock = 1024
)

func blocks(size, block int) int { return (size + block - 1) / block }

// readUnits are those of one read. What is not there costs as the smallest item.
func readUnits(size int, consistent bool) float64 {
	n := float64(max(1, blocks(size, readBlock)))
	if !consistent {
		n /= 2
	}
	return n
}

// writeUnits are those of a write that is not in a transaction: the larger of the item
// before and after, and one for each index's entry that it deletes or puts. An entry whose
// key changes is deleted and put. All entries are smaller than a unit
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes).
func (db *DB) writeUnits(was, next item) Units {
	used := Units{Write: max(1, float64(blocks(max(was.size(), next.size()), writeBlock)))}
	for _, index := range db.definition.Indexes {
		before, had := entry(was, index.PartitionKey, index.SortKey)
		after, has := entry(next, index.PartitionKey, index.SortKey)
		if before == after {
			continue
		}
		for _, one := range []bool{had, has} {
			if one {
				used.Indexes++
			}
		}
	}
	used.Write += used.Indexes
	return used
}

// entry is the key of an item in an index. An item without one of the attributes is not in
// it.
func entry(i item, partition, sort string) (key string, ok bool) {
	if i[partition].S == nil || i[sort].S == nil {
		return "", false
	}
	return *i[partition].S + "\x00" + *i[sort].S, true
}

// size is that of an item, in bytes: of its names and values
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html).
func (i item) size() (n int) {
	for name, v := range i {
		n += len(name)
		switch {
		case v.S != nil:
			n += len(*v.S)
		case v.N != nil:
			n += (len(strings.Trim(*v.N, "-0"))+1)/2 + 1
		}
		for _, s := range v.SS {
			n += len(s)
		}
	}
	return n
}

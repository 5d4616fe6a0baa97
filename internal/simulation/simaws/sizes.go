package simaws

// units of vCPUs and MiB. Each CPU size goes with the memory sizes from least to
// most, step apart
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html).
var sizes = map[int]struct{ least, most, step int }{
	256:   {512, 2048, 512}, // and not 1536
	512:   {1024, 4096, 1024},
	1024:  {2048, 8192, 1024},
	2048:  {4096, 16384, 1024},
	4096:  {8192, 30720, 1024},
	8192:  {16384, 61440, 4096},
	16384: {32768, 122880, 8192},
}

// has32 are the memory sizes that go with 32 vCPUs.
var has32 = map[int]bool{61440: true, 122880: true, 249856: true}

// fits reports whether Fargate has a configuration of that size.
func fits(cpu, memory int) bool {
	if cpu == 32768 {
		return has32[memory]
	}
	s, ok := sizes[cpu]
	if !ok || memory < s.least || memory > s.most || (memory-s.least)%s.step != 0 {
		return false
	}
	return cpu != 256 || memory != 1536
}

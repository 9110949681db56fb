module programs

go 1.18

require github.com/flight-core/shared-types/go v0.0.0

replace github.com/flight-core/shared-types/go => ../module

"""What a ramdisk contains: a profile's form, its errors, and the classes that it names."""

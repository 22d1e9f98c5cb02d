"""Update bundles: what a toy is to become, in one signed file, and the place on a toy where it is kept.

`manifest` says what is in one, `container` how it lies in a file, `keys` who may make one, `store` which one is in
force. None of it knows what a chart is: whether the files in a bundle are right is asked in `pommai.toy.update_check`.
"""

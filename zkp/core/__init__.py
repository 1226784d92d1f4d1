"""The pure core: values in, values out. What it speaks is defined in two drafts and one page of ours.

`group` is the curve, `bbs` and `sigma` are the drafts' proofs, `own`, `receipt`, `active` and `enrol` what a person states with them.
"""

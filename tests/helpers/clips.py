"""The six real clips of the research-use data: frames, size, first box; and the layout file that the thermal clip needs."""

CLIPS = {
    "otb_Crossing": (120, (360, 240), [205, 151, 17, 50]),
    "otb_DragonBaby": (113, (640, 360), [160, 83, 56, 65]),
    "vot_bag": (150, (480, 360), [292.23, 128.36, 438.19 - 292.23, 260.83 - 128.36]),
    "uav_wakeboard7": (50, (1280, 720), [623, 299, 11, 38]),
    "vtuav_bus1_rgbt": (41, (960, 540), [292.5, 47, 33, 41.5]),
    "fe240_star_motion_0_rgbe": (
        120,
        (346, 260),
        [81.10063602448342, 54.78945681378795, 35.82228160898781, 54.836285763006245],
    ),
}
THERMAL_CLIP = """[sequences.vtuav_bus1_rgbt]
images = "rgb"
thermal = "ir"
annotation = "rgb.txt"
annotation_aux = "ir.txt"
stride = 10
"""
